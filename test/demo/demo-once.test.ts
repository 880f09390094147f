import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Child, eventually, withoutLeaks } from '../support/index.ts';

const run = promisify(execFile);
const demo = fileURLToPath(new URL('../../scripts/demo.js', import.meta.url));

test('the demo, once: a failover is told in ms, writes are counted, and the write after it arrives', async () => {
  await withoutLeaks(async () => {
    const lines: string[] = [];
    await using child = await startDemo(lines);
    assert.deepEqual(await child.exited, { code: 0, signal: null }, child.log());
    const text = lines.join('\n');
    assert.match(text, /redis-cli -p \d+/);
    assert.match(text, /^ +\d+\.\d {2}tunnel +serving redis-[BC]$/m);
    assert.match(text, /^ +\d+\.\d {2}client +first write acknowledged after the cut$/m);
    assert.match(text, /writes acknowledged +[1-9]\d*$/m);
    assert.match(text, /acknowledged, but lost +\d+$/m);
    assert.match(text, /the write after the failover +arrived$/m);
  });
});

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  test(`the demo leaves no child behind on ${signal}`, async () => {
    await withoutLeaks(async () => {
      const lines: string[] = [];
      await using child = await startDemo(lines);
      await eventually(() => lines.some((line) => line.includes('redis-cli -p')));
      const pids = await childrenOf(child.pid);
      assert.equal(pids.length, 7, 'three servers, three Sentinels, the tunnel');
      child.signal(signal);
      const { code } = await child.exited;
      assert.equal(code, { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }[signal]);
      assert.deepEqual(await aliveOf(pids), []);
    });
  });
}

test('the demo leaves no child behind when it is stopped while everything starts', async () => {
  await withoutLeaks(async () => {
    await using child = await startDemo([]);
    const pids = await eventually(async () => {
      const found = await childrenOf(child.pid);
      return found.length > 0 && found;
    });
    child.signal('SIGTERM');
    child.signal('SIGTERM');
    await child.exited;
    // It kills them on its way out and does not stay to see them gone.
    await eventually(async () => (await aliveOf(pids)).length === 0);
  });
});

function startDemo(lines: string[]): Promise<Child> {
  return Child.spawn([process.execPath, demo, '--once'], {
    name: 'demo',
    onLine: (line) => lines.push(line),
  });
}

async function childrenOf(parent: number): Promise<number[]> {
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid=']);
  return stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([pid, ppid]) => (ppid === parent && pid !== undefined ? [pid] : []));
}

/** A process that has ended and waits for a parent that does not ask is not alive: process 1 need not be an init. */
async function aliveOf(pids: readonly number[]): Promise<number[]> {
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,stat=']);
  return stdout.split('\n').flatMap((line) => {
    const [pid, state = ''] = line.trim().split(/\s+/);
    return pids.includes(Number(pid)) && !state.startsWith('Z') ? [Number(pid)] : [];
  });
}
