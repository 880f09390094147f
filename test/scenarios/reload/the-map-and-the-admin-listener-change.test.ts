import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { platform } from 'node:os';
import { join } from 'node:path';
import { describe } from 'node:test';
import {
  ask,
  awaitServing,
  eventually,
  FakeRedis,
  FakeSentinel,
  FakeServer,
  freePort,
  patienceMs,
  scenario,
  TunnelProcess,
  type RespClient,
} from '../../support/index.ts';

const announced = { host: 'two.invalid', port: 6379 };
const oldToken = 'the-first-token-of-all';
const newToken = 'the-second-token-of-all';

for (const engine of platform() === 'linux' ? ['streams', 'epoll'] : ['streams']) {
  describe(`reloading with ${engine}, a session of another database being open`, () => {
    scenario('another addressMap leads only those elsewhere whom it concerns', async () => {
      await using redis = await FakeRedis.start();
      await using first = await FakeRedis.start();
      await using second = await FakeRedis.start();
      first.values.set('who', 'first');
      second.values.set('who', 'second');
      const masters = { one: { host: '127.0.0.1', port: redis.port }, two: announced };
      await using sentinel = await FakeSentinel.start({ masters });
      const config = (port: number | undefined, from = 'two.invalid:6379'): object => ({
        sentinels: [sentinel.seed],
        databases: ['one', 'two'].map((name) => ({ name, listen: 0, holdMs: patienceMs })),
        addressMap: port === undefined ? {} : { [from]: `127.0.0.1:${port}` },
        engine,
      });
      await using tunnel = await TunnelProcess.start({ config: config(first.port) });
      for (const name of ['one', 'two']) await awaitServing(tunnel, name);
      await using one = await tunnel.connect('one');
      await using two = await tunnel.connect('two');
      assert.equal(await one.command('PING'), 'PONG');
      assert.equal(await two.command('GET', 'who'), 'first');

      const moved = await tunnel.reload(config(second.port));
      assert.deepEqual(moved['lines'], [
        `addressMap[two.invalid:6379]: "127.0.0.1:${first.port}" → "127.0.0.1:${second.port}" (links to Sentinels reopened one after another)`,
      ]);
      assert.notEqual(await two.closed, 'local', 'what is said of the old address holds no more');
      await awaitServing(tunnel, 'two', second.port);
      await using again = await tunnel.connect('two');
      assert.equal(await again.command('GET', 'who'), 'second');

      // Another rule that says the same: nobody is led elsewhere, and nobody is cut.
      const same = await tunnel.reload(config(second.port, 'two.invalid'));
      assert.equal(same.event, 'config.reloaded');
      await eventually(() => sentinel.server.connections.length === 2);
      assert.equal(await again.command('GET', 'who'), 'second');

      const without = await tunnel.reload(config(undefined));
      assert.match(String(without['lines']), /^addressMap\[two\.invalid\]: removed "127/);
      await tunnel.waitFor(
        ({ event, database, reason }) =>
          event === 'master.lost' &&
          database === 'two' &&
          /names two\.invalid:6379, which cannot be used: .*; .* write that into addressMap$/.test(
            String(reason),
          ),
      );
      assert.notEqual(await again.closed, 'local');

      await assertUntouched(tunnel, one);
    });

    scenario('another address or token of the admin listener counts from then on', async () => {
      await using redis = await FakeRedis.start();
      const masters = { one: { host: '127.0.0.1', port: redis.port } };
      await using sentinel = await FakeSentinel.start({ masters });
      const config = (admin: object | false): object => ({
        sentinels: [sentinel.seed],
        databases: [{ name: 'one', listen: 0 }],
        admin,
        engine,
      });
      const [before, after] = [await freePort(), await freePort()];
      await using tunnel = await TunnelProcess.start({
        config: config({ listen: before, token: oldToken }),
      });
      await awaitServing(tunnel, 'one');
      await using one = await tunnel.connect('one');
      assert.equal(await one.command('PING'), 'PONG');
      const statusAt = async (port: number, token: string): Promise<number> => {
        const headers = { authorization: `Bearer ${token}` };
        return (await ask(port, '/status', { headers })).status;
      };
      await eventually(async () => (await statusAt(before, oldToken)) === 200);

      const retold = await tunnel.reload(config({ listen: before, token: newToken }));
      assert.deepEqual(retold['lines'], ['admin.token: changed (the admin listener closes and reopens)']);
      await eventually(async () => (await statusAt(before, newToken)) === 200);
      assert.equal(await statusAt(before, oldToken), 401);

      const tokenFile = join(tunnel.dir, 'token');
      await writeFile(tokenFile, `${oldToken}\n`, { mode: 0o600 });
      await tunnel.reload(config({ listen: after, tokenFile }));
      await eventually(async () => (await statusAt(after, oldToken)) === 200);
      await assert.rejects(ask(before, '/livez'), /ECONNREFUSED/);
      await writeFile(tokenFile, `${newToken}\n`);
      const reread = await tunnel.reload(config({ listen: after, tokenFile }));
      assert.deepEqual(reread['lines'], ['admin.token: changed (the admin listener closes and reopens)']);
      await eventually(async () => (await statusAt(after, newToken)) === 200);

      await using holder = await FakeServer.listen(() => 'close', { accept: 'close' });
      await tunnel.reload(config({ listen: holder.port, tokenFile }));
      const failed = await tunnel.waitFor(({ event }) => event === 'admin.failed');
      assert.match(String(failed['reason']), /EADDRINUSE/);
      const wrong = await tunnel.reload(config({ listen: '0.0.0.0:0' }));
      assert.match(String(wrong['reason']), /admin\.listen: other machines can connect to it/);
      await tunnel.reload(config(false));
      await assert.rejects(ask(after, '/livez'), /ECONNREFUSED/);

      assert.doesNotMatch(tunnel.log(), /-token-of-all/);
      await assertUntouched(tunnel, one);
    });
  });
}

/** The session of the database that no change was about, and what was told of that database. */
async function assertUntouched(tunnel: TunnelProcess, session: RespClient): Promise<void> {
  assert.equal(await session.command('PING'), 'PONG');
  const told = tunnel.events('master.serving').filter(({ database }) => database === 'one');
  assert.equal(told.length, 1);
  assert.deepEqual(tunnel.events('listener.closed'), []);
}
