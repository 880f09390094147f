import assert from 'node:assert/strict';
import {
  awaitServing,
  eventually,
  FakeRedis,
  fakeScenario,
  RespClient,
  scenario,
  startThrough,
} from '../../support/index.ts';
import { announcePromotion, isAlive, name, Trio, whoServes } from '../../support/trio.ts';

/** Later than a Sentinel is waited for before it counts as late, which is 300 ms here. */
const manners = { answerMs: 400 };
const config = { sentinel: { replyMs: 300, pollMs: 200 } };

scenario(
  'where all Sentinels take longer than replyMs, the master is served, and that they are late is told',
  async () => {
    await using redis = await FakeRedis.start();
    redis.values.set('who', 'it');
    await using trio = await Trio.start(redis, 0, manners);
    await using tunnel = await startThrough(trio.source, { config });
    await awaitServing(tunnel, name);
    assert.equal(await whoServes(tunnel), 'it');
    const isTold = ({ event, reasons }: { event: string; reasons?: unknown }): boolean =>
      event === 'master.degraded' && String(reasons).includes('all Sentinels answer late');
    await tunnel.waitFor(isTold);
    // They are waited for longer from then on, and do not come and go.
    const downs = tunnel.events('sentinel.down').length;
    const { asked } = trio;
    await eventually(() => trio.asked > asked + 12);
    assert.equal(tunnel.events('sentinel.down').length, downs, tunnel.log());
    assert.equal(tunnel.events('master.serving').length, 1, tunnel.log());
  },
);

fakeScenario(
  'a failover is followed while all Sentinels are late, and cuts each client once',
  { nextRole: 'slave', tunnel: { config } },
  async ({ redis: old, next: candidate, trio, tunnel }) => {
    old.values.set('who', 'old');
    candidate.values.set('who', 'new');
    const [leader] = trio.sentinels;
    for (const { server } of trio.sentinels) server.manners = { answerMs: 2500 };
    await using session = await tunnel.connect(name);
    assert.ok(await isAlive(session));

    await announcePromotion(leader, candidate, old);
    assert.notEqual(await session.closed, 'local');
    candidate.role = 'master';
    await using moved = await RespClient.connect(tunnel.port(name));
    assert.equal(await moved.command('GET', 'who'), 'new');
    // A provisional master has 2.5 s to be confirmed. The answers that could do so are later than that.
    trio.say(candidate, 1);
    await tunnel.waitFor(({ event }) => event === 'master.confirmed', { withinMs: 30_000 });
    assert.ok(await isAlive(moved), `cut a second time\n${tunnel.log()}`);
    assert.equal(tunnel.events('master.fenced').length, 1, tunnel.log());
  },
);

fakeScenario(
  'a provisional master is not left while its leader says that the failover goes on',
  { nextRole: 'slave', tunnel: { config: { sentinel: { pollMs: 100 } } } },
  async ({ redis: old, next: candidate, trio, tunnel }) => {
    candidate.values.set('who', 'new');
    const [leader] = trio.sentinels;
    leader.masters.set(name, {
      host: old.host,
      port: old.port,
      flags: 'master,failover_in_progress',
    });
    await announcePromotion(leader, candidate, old);
    await tunnel.waitFor(({ event }) => event === 'master.fenced');
    candidate.role = 'master';
    await using session = await RespClient.connect(tunnel.port(name));
    assert.equal(await session.command('GET', 'who'), 'new');
    const { asked } = trio;
    // More than 3 s of rounds, at four in a second, of three Sentinels.
    await eventually(() => trio.asked > asked + 40, { withinMs: 30_000 });
    assert.ok(await isAlive(session), tunnel.log());
    trio.say(candidate, 1);
    await tunnel.waitFor(({ event }) => event === 'master.confirmed');
    assert.ok(await isAlive(session));
  },
);
