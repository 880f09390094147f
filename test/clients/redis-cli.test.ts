import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { promisify } from 'node:util';
import {
  awaitSubscribed,
  encodeCommand,
  eventually,
  serveThrough,
  startCluster,
  withoutLeaks,
} from '../support/index.ts';
import { Peer } from './peer.ts';

const run = promisify(execFile);

test('redis-cli works through the tunnel, before, during and after a failover', async (t) => {
  await withoutLeaks(async () => {
    await using cluster = await startCluster({ replicas: 1 });
    await using tunnel = await serveThrough(cluster);
    const port = String(tunnel.port(cluster.name));
    const cli = async (...args: string[]): Promise<string> =>
      (await run('redis-cli', ['-p', port, ...args], { timeout: 60_000 })).stdout.trim();

    await t.test('commands and Lua', async () => {
      assert.equal(await cli('SET', 'key', 'value'), 'OK');
      assert.equal(await cli('GET', 'key'), 'value');
      assert.equal(await cli('EVAL', 'return redis.call("GET", KEYS[1])', '1', 'key'), 'value');
    });
    await t.test('--pipe, which half-closes nothing until the last reply has come', async () => {
      const child = spawn('redis-cli', ['-p', port, '--pipe'], { stdio: ['pipe', 'pipe', 'inherit'] });
      let output = '';
      child.stdout.on('data', (chunk) => (output += String(chunk)));
      for (let index = 0; index < 5000; index++) child.stdin.write(encodeCommand(['RPUSH', 'list', index]));
      child.stdin.end();
      await once(child, 'close');
      assert.match(output, /errors: 0, replies: 5000/);
      assert.equal(await cli('LLEN', 'list'), '5000');
    });
    await t.test(
      'a failover: who comes waits for the new master, an open session goes on with it',
      async () => {
        await using session = await Peer.start(['redis-cli', '-p', port]);
        assert.equal(await session.ask('MULTI'), 'OK');
        assert.equal(await session.ask('SET key other'), 'QUEUED');
        assert.equal(await session.ask('EXEC'), 'OK');
        await awaitSubscribed(cluster.sentinels);
        await cluster.failover();
        await tunnel.waitFor(({ event }) => event === 'master.fenced');
        assert.equal(await cli('SET', 'key', 'waited'), 'OK');
        const promoted = await cluster.awaitNewMaster(cluster.master);
        assert.equal(await promoted.command('GET', 'key'), 'waited');
        await assert.rejects(session.ask('PING'), /Server closed the connection|Connection reset/);
        await eventually(async () => (await session.ask('SET key moved')) === 'OK');
        assert.equal(await promoted.command('GET', 'key'), 'moved');
      },
    );
    await t.test('a new one meets the new master too', async () => {
      assert.equal(await cli('GET', 'key'), 'moved');
      assert.equal(await cli('LLEN', 'list'), '5000');
    });
  });
});
