import assert from 'node:assert/strict';
import {
  connectionsTo,
  encodeCommand,
  eventually,
  lacksProc,
  scenario,
  serveThrough,
  startCluster,
} from '../../support/index.ts';

scenario(
  'a frozen master is seen before any Sentinel misses it, held for, and left for good when Sentinel moves on',
  { skip: lacksProc },
  async (t) => {
    const downAfterMs = 5000;
    await using cluster = await startCluster({ downAfterMs });
    await using tunnel = await serveThrough(cluster);
    await using session = await tunnel.connect(cluster.name);
    assert.equal(await session.command('SET', 'key', 'before'), 'OK');
    const { master } = cluster;

    const frozenMs = performance.now();
    cluster.freeze(master);
    await tunnel.waitFor(({ event }) => event === 'master.lost', { everyMs: 5 });
    const seenMs = performance.now() - frozenMs;
    // What a client sent into the silence is not to be answered later on.
    session.write(encodeCommand(['SET', 'key', 'into the silence']));
    await using held = await tunnel.connect(cluster.name);
    const reply = held.command('CONFIG', 'GET', 'port');

    // Half a second, mostly, which a busy machine may make longer.
    await t.test('the log says so before any Sentinel does', () => {
      assert.ok(seenMs < downAfterMs, `${Math.round(seenMs)} ms`);
      const [lost] = tunnel.events('master.lost');
      assert.match(String(lost?.['reason']), /silent/);
    });
    await t.test('a new connection is held, not dialled into the silence', async () => {
      // The session of before, and one that asks the master how it is.
      assert.ok((await connectionsTo(tunnel.pid, master.port)) <= 2);
    });
    await t.test('Sentinel moves: the old session is cut, the held one served', async () => {
      const promoted = await cluster.awaitNewMaster(master);
      assert.deepEqual(await reply, ['port', String(promoted.port)]);
      assert.ok(['fin', 'reset'].includes(await session.closed));
      assert.equal(session.bytesRead, 5, 'no answer but the first +OK'); // "+OK\r\n"
    });
    await t.test('the woken master, which believes in itself, is given nobody', async () => {
      cluster.thaw(master);
      await eventually(async () => {
        const role = await master.command('ROLE');
        return Array.isArray(role) && role[0] === 'master';
      });
      for (let count = 0; count < 20; count++) {
        await using client = await tunnel.connect(cluster.name);
        const answer = await client.command('CONFIG', 'GET', 'port');
        assert.ok(Array.isArray(answer) && answer[1] !== String(master.port));
      }
      await eventually(async () => (await connectionsTo(tunnel.pid, master.port)) === 0);
    });
  },
);
