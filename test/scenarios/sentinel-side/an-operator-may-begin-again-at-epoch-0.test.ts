import assert from 'node:assert/strict';
import { awaitServing, eventually, fakeScenario } from '../../support/index.ts';
import { betweenRounds, isAlive, name, says, timesAsked, whoServes } from '../../support/trio.ts';

fakeScenario(
  'after REMOVE and MONITOR the lower epoch is followed once all agree, and not before',
  { epoch: 7, tunnel: { config: { sentinel: { pollMs: 100 } } } },
  async ({ redis, next, trio, tunnel }) => {
    await using session = await tunnel.connect(name);
    assert.ok(await isAlive(session));
    const [one, two, three] = trio.sentinels;

    for (const sentinel of [one, two]) {
      await betweenRounds(sentinel);
      sentinel.masters.delete(name);
      sentinel.publish('-monitor', `master ${name} ${redis.host} ${String(redis.port)}`);
      says(sentinel, next, 0);
      sentinel.publish('+monitor', `master ${name} ${next.host} ${String(next.port)} quorum 2`);
      const asked = timesAsked(sentinel);
      await eventually(() => timesAsked(sentinel) >= asked + 3);
      assert.ok(await isAlive(session), 'two of three are not all');
    }
    says(three, next, 0);
    await awaitServing(tunnel, name, next.port);
    assert.equal(await whoServes(tunnel), 'second');
  },
);
