import assert from 'node:assert/strict';
import type { Status } from '../../../src/admin/status.ts';
import {
  ask,
  eventually,
  FakeRedis,
  RespClient,
  scenario,
  serveThrough,
  startThrough,
  type Answer,
} from '../../support/index.ts';
import { announcePromotion, name, Trio, whoServes } from '../../support/trio.ts';

const token = 'a-token-of-the-tests';

/** What KeyDB with `active-replica yes` says of each of its masters; with more than one it is an array of these. */
const activeReplica = ['active-replica', '127.0.0.1', 1, 'connected', 0] as const;

/** A server that answers ROLE with `reply`, for as long as that is. */
async function startKind(who: string, reply: () => Answer | undefined): Promise<FakeRedis> {
  const redis = await FakeRedis.start({ answer: ([command]) => (command === 'ROLE' ? reply() : undefined) });
  redis.values.set('who', who);
  return redis;
}

scenario(
  'an active replica of KeyDB is served as a master, with one master of its own or several',
  async () => {
    for (const reply of [[...activeReplica], [[...activeReplica], [...activeReplica]]]) {
      await using redis = await startKind('keydb', () => ({ reply }));
      await using trio = await Trio.start(redis);
      await using tunnel = await serveThrough(trio.source);
      assert.equal(await whoServes(tunnel), 'keydb');
      assert.deepEqual(tunnel.events('master.degraded'), []);
    }
  },
);

scenario(
  'an active replica of KeyDB that is to be promoted is served when it says that it is a master',
  async () => {
    await using old = await startKind('old', () => undefined);
    let isPromoted = false;
    await using candidate = await startKind('new', () =>
      isPromoted ? undefined : { reply: [...activeReplica] },
    );
    await using trio = await Trio.start(old);
    await using tunnel = await serveThrough(trio.source);
    await announcePromotion(trio.sentinels[0], candidate, old);
    await tunnel.waitFor(({ event }) => event === 'master.fenced');
    await using held = await RespClient.connect(tunnel.port(name));
    held.write('*2\r\n$3\r\nGET\r\n$3\r\nwho\r\n');
    const before = candidate.count('ROLE');
    await eventually(() => candidate.count('ROLE') > before + 10);
    assert.equal(tunnel.events('master.serving').length, 1, 'it takes writes, and is not promoted yet');
    isPromoted = true;
    assert.equal(await held.readReply(), 'new');
    await tunnel.waitFor(({ event, standing }) => event === 'master.serving' && standing === 'provisional');
  },
);

scenario(
  'a replica of Dragonfly that a Sentinel names is not served, and its master is, with its replicas',
  async () => {
    let reply: Answer = { reply: ['replica', '127.0.0.1', '1', 'stable_sync'] };
    await using redis = await startKind('dragonfly', () => reply);
    await using trio = await Trio.start(redis);
    await using tunnel = await startThrough(trio.source, { config: { admin: { listen: 0, token } } });
    const lost = await tunnel.waitFor(({ event }) => event === 'master.lost');
    assert.match(String(lost['reason']), /says it is a replica/);
    reply = { reply: ['master', [['10.0.0.2', '6379', 'online']]] };
    assert.equal(await whoServes(tunnel), 'dragonfly');
    const headers = { authorization: `Bearer ${token}` };
    await eventually(async () => {
      const { databases } = (await ask(tunnel.adminPort, '/status', { headers })).json() as Status;
      return databases[0]?.replicas.join() === '10.0.0.2:6379';
    });
  },
);
