import assert from 'node:assert/strict';
import { ask, eventually, fakeScenario } from '../../support/index.ts';
import { announcePromotion, name } from '../../support/trio.ts';

const rounds = 1_500;
const payload = 'x'.repeat(50_000);

fakeScenario(
  'endless promotions and messages of 50 kB fill neither the log nor the memory of failovers',
  { nextRole: 'slave', tunnel: { config: { admin: { listen: 0 } } } },
  async ({ redis: old, next: candidate, trio, tunnel }) => {
    const [leader] = trio.sentinels;
    await announcePromotion(leader, candidate, old);
    await tunnel.waitFor(({ event }) => event === 'master.fenced');
    const given = `master ${name} ${old.host} ${String(old.port)}`;
    for (let round = 0; round < rounds; round += 1) {
      leader.publish('-failover-abort-slave-timeout', given);
      leader.publish('+sdown', `slave ${payload} x 1 @ ${name} ${old.host} ${String(old.port)}`);
      const port = String(1 + (round % 1_000));
      leader.publish(
        '+failover-state-wait-promotion',
        `slave ${candidate.host}:${port} ${candidate.host} ${port} @ ${name} ${old.host} ${String(old.port)}`,
      );
      // Each round is a failover of its own only where the tunnel gets round to it.
      if (round % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    leader.publish('-failover-abort-slave-timeout', given);
    await eventually(() => tunnel.events('log.limited').length > 0);
    await using client = await tunnel.connect(name);
    assert.equal(await client.command('PING'), 'PONG');
    for (const event of ['master.fenced', 'master.serving'] as const)
      assert.ok(tunnel.events(event).length < 400, event);
    const longest = Math.max(...tunnel.events().map((event) => JSON.stringify(event).length));
    assert.ok(longest < 40_000, String(longest));
    const failovers = (await ask(tunnel.adminPort, '/failovers')).text;
    assert.ok(failovers.length < 8_000_000, String(failovers.length));
  },
);
