import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeRedis, FakeSentinel, TunnelProcess, withoutLeaks } from '../support/index.ts';
import { startDropIn } from './drop-in.ts';

test("the original's file and call are understood, with ports as texts and as numbers", async () => {
  await withoutLeaks(async () => {
    await using redis = await FakeRedis.start();
    await using sentinel = await FakeSentinel.start({
      masters: { db1: { host: redis.host, port: redis.port } },
    });
    for (const numericPorts of [false, true]) {
      await using tunnel = await startDropIn([sentinel.seed], ['db1'], { numericPorts });
      await using client = await tunnel.connect('db1');
      assert.equal(await client.command('PING'), 'PONG');
    }
  });
});

test('misspelt keys are refused, all of them named, before anything listens', async () => {
  await withoutLeaks(async () => {
    const config = { Sentinel_address_list: ['127.0.0.1:1'], Databases: [{ Nam: 'db1', LocalPort: '1' }] };
    const { code, output, listened } = await outcomeOf((file) => [file, '-'], config);
    assert.equal(code, 2);
    assert.match(output, /Sentinel_address_list/);
    assert.match(output, /Nam\b/);
    assert.match(output, /LocalPort/);
    assert.equal(listened, 0);
  });
});

test('a mistaken call exits with 2 and says how it is meant', async () => {
  await withoutLeaks(async () => {
    for (const args of [['config.json'], ['one', 'two', 'three'], ['--no-such-flag'], ['run']]) {
      const { code, output } = await outcomeOf(() => args);
      assert.equal(code, 2, args.join(' '));
      assert.match(output, /sentinel-tunnel/);
    }
  });
});

test('--version and --help answer and exit with 0', async () => {
  await withoutLeaks(async () => {
    const version = await outcomeOf(() => ['--version']);
    assert.deepEqual([version.code, /^\d+\.\d+\.\d+/.test(version.output)], [0, true]);
    const help = await outcomeOf(() => ['--help']);
    assert.deepEqual([help.code, help.output.includes('CONFIG LOG')], [0, true]);
  });
});

async function outcomeOf(
  commandLine: (file: string) => readonly string[],
  config?: object,
): Promise<{ code: number | null; output: string; listened: number }> {
  await using tunnel = await TunnelProcess.start({
    ...(config && { config }),
    commandLine,
    until: 'spawned',
  });
  const { code } = await tunnel.exited;
  return { code, output: tunnel.log(), listened: tunnel.events('listener.opened').length };
}
