import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  connectionsTo,
  encodeCommand,
  eventually,
  lacksProc,
  serveThrough,
  startCluster,
  withoutLeaks,
} from '../../kit/index.ts';

test(
  'a frozen master is seen within a second, held for, and left for good when Sentinel moves on',
  { skip: lacksProc },
  async (t) => {
    await withoutLeaks(async () => {
      await using cluster = await startCluster({ downAfterMs: 1500 });
      await using tunnel = await serveThrough(cluster, { database: { holdMs: 30_000 } });
      await using session = await tunnel.connect(cluster.name, 30_000);
      assert.equal(await session.command('SET', 'key', 'before'), 'OK');
      const { master } = cluster;

      const frozenMs = performance.now();
      cluster.freeze(master);
      await tunnel.waitFor(({ event }) => event === 'master.lost', { withinMs: 5000, everyMs: 5 });
      const seenMs = performance.now() - frozenMs;
      // What a client sent into the silence is not to be answered later on.
      session.write(encodeCommand(['SET', 'key', 'into the silence']));
      const accepted = await connectionsTo(tunnel.pid, master.port);
      await using held = await tunnel.connect(cluster.name, 30_000);
      const reply = held.command('CONFIG', 'GET', 'port');

      await t.test('the log says so within a second', () => {
        assert.ok(seenMs < 1000, `${Math.round(seenMs)} ms`);
        const [lost] = tunnel.events('master.lost');
        assert.match(String(lost?.['reason']), /silent/);
      });
      await t.test('a new connection is held, not dialled into the silence', async () => {
        assert.ok((await connectionsTo(tunnel.pid, master.port)) <= accepted);
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
        assert.equal(await connectionsTo(tunnel.pid, master.port), 0);
      });
    });
  },
);
