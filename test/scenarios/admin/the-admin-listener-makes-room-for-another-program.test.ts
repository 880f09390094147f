import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { assertNoTrace, main, type Called } from '../../cli/call.ts';
import {
  cannotMakeNamespaces,
  Child,
  eventually,
  Network,
  TunnelProcess,
  withoutLeaks,
} from '../../support/index.ts';

/** In a namespace of its own, for the port is the same on every machine. */
const skip = await cannotMakeNamespaces();
const holder = `require('node:http').createServer((_, answer) => answer.end('# HELP redis_up\\n'))
  .listen(9121, '127.0.0.1', () => console.log('listening'))`;

function config(port: number, more: object = {}): string {
  const databases = [{ name: 'mymaster', listen: `127.0.0.1:${String(port)}` }];
  return JSON.stringify({ sentinels: ['127.0.0.1:1'], databases, ...more });
}

test(
  'where the usual port is taken the next one is used and found, and a configured one is tried again',
  { skip },
  async () => {
    await withoutLeaks(async () => {
      await using network = await Network.create();
      const { prefix } = await network.add();
      const inside = (...args: readonly string[]): Promise<Called> =>
        called([...prefix, process.execPath, main, ...args]);
      const start = (text: string): Promise<TunnelProcess> => TunnelProcess.start({ config: text, prefix });
      let isHeld = false;
      await using other = await Child.spawn([...prefix, process.execPath, '-e', holder], {
        name: 'redis_exporter',
        onLine: () => (isHeld = true),
      });
      await eventually(() => isHeld);

      await using tunnel = await start(config(7_000));
      const moved = await tunnel.waitFor(({ event }) => event === 'admin.moved');
      assert.deepEqual([moved['address'], moved['usual']], ['127.0.0.1:9122', '127.0.0.1:9121']);
      assert.deepEqual(tunnel.events('admin.failed'), []);
      const status = await inside('status');
      assert.match(status.stdout, /Sentinel Tunnel .* at 127\.0\.0\.1:9122/);
      assert.equal((await inside('health')).stdout, 'live\n');
      const doctor = await inside('doctor', '--config', tunnel.configFile);
      assert.doesNotMatch(doctor.stdout, /admin-taken/);
      assert.match(doctor.stdout, /tunnel-runs/);

      // A second one is told apart by whoever asks, and not guessed.
      await using second = await start(config(7_001));
      await second.waitFor(({ event }) => event === 'admin.moved');
      const several = await inside('status');
      assert.equal(several.code, 2);
      assert.match(
        several.stderr,
        /Several tunnels answer here, at 127\.0\.0\.1:9122, 127\.0\.0\.1:9123: say which/,
      );
      assertNoTrace(several);
      await second.stop();

      await using configured = await start(config(7_002, { admin: { listen: '127.0.0.1:9121' } }));
      const failed = await configured.waitFor(({ event }) => event === 'admin.failed');
      assert.deepEqual([failed['address'], configured.events('admin.moved')], ['127.0.0.1:9121', []]);
      await other.kill();
      await configured.waitFor(
        ({ event, address }) => event === 'admin.opened' && address === '127.0.0.1:9121',
      );
    });
  },
);

function called([file = '', ...args]: readonly string[]): Promise<Called> {
  return new Promise((resolve) => {
    const options = { env: { PATH: process.env['PATH'] }, cwd: '/', timeout: 60_000 };
    execFile(file, args, options, (error, stdout, stderr) => {
      resolve({ code: error ? error.code : 0, stdout, stderr });
    });
  });
}
