import assert from 'node:assert/strict';
import process from 'node:process';
import { describe, test } from 'node:test';
import type { LookupResult } from '../../src/net/look-up.ts';
import { NamesProcess } from '../../src/net/names-process.ts';
import { eventually, unresolvable, withoutLeaks } from '../support/index.ts';

/** Answers names that begin with "live", and says which process it is. */
const halfDead = ['-e', `${answering("if (name.startsWith('live'))")}; process.send('ready')`];

function answering(condition: string): string {
  return `process.on('message', ({ name }) => { ${condition} process.send({ name, found: [String(process.pid)] }) })`;
}

function asking(resolver: NamesProcess): (name: string) => Promise<LookupResult> {
  return (name) =>
    new Promise((resolve) => {
      resolver.ask(name, resolve);
    });
}

describe('NamesProcess', () => {
  test('looks names up in one process, which it ends', () =>
    withoutLeaks(async () => {
      const resolver = new NamesProcess();
      const ask = asking(resolver);
      const found = await ask('localhost');
      assert.ok(Array.isArray(found) && found.includes('127.0.0.1'), String(found));
      const { pid } = resolver;
      assert.match(String(await ask(unresolvable)), /^(ENOTFOUND|EAI_AGAIN)$/);
      assert.equal(resolver.pid, pid);
      resolver.close();
      assert.equal(resolver.pid, undefined);
      await eventually(() => !isRunning(pid));
    }));

  test('answers what it is asked when the process is killed, and starts another', () =>
    withoutLeaks(async () => {
      const resolver = new NamesProcess(halfDead);
      const ask = asking(resolver);
      const [pid] = await ask('live.test');
      const dead = ask('dead.test');
      process.kill(Number(pid), 'SIGKILL');
      assert.equal(await dead, 'EAI_AGAIN');
      assert.notEqual((await ask('live.test'))[0], pid);
      const unanswered = ask('dead.test');
      resolver.close();
      assert.equal(await unanswered, 'EAI_AGAIN');
    }));

  test('gives up what is not answered before others wait for long', () =>
    withoutLeaks(async () => {
      const resolver = new NamesProcess(halfDead);
      const ask = asking(resolver);
      const dead = Array.from({ length: 128 }, (_, index) => ask(`dead${String(index)}.test`));
      const [pid] = await ask('live.test');
      assert.deepEqual(new Set(await Promise.all(dead)), new Set(['EAI_AGAIN']));
      assert.equal((await ask('live2.test'))[0], pid);
      resolver.close();
    }));

  test('makes the next wait only until one is answered', () =>
    withoutLeaks(async () => {
      // Nothing is answered before there are 128.
      const late = `const all = []; process.on('message', ({ name }) => { all.push(name); if (all.length >= 128) for (const each of all.splice(0)) process.send({ name: each, found: ['1'] }) }); process.send('ready')`;
      const resolver = new NamesProcess(['-e', late]);
      const ask = asking(resolver);
      const found = await Promise.all(
        Array.from({ length: 256 }, (_, index) => ask(`n${String(index)}.test`)),
      );
      assert.ok(found.every(([first]) => first === '1'));
      resolver.close();
    }));

  test('has fewer threads where so many are not allowed', () =>
    withoutLeaks(async () => {
      const limited = `if (process.env.UV_THREADPOOL_SIZE > 16) process.abort()
        process.on('message', ({ name }) => process.send({ name, found: [process.env.UV_THREADPOOL_SIZE] }))
        process.send('ready')`;
      const resolver = new NamesProcess(['-e', limited]);
      const ask = asking(resolver);
      const found = await Promise.all(
        Array.from({ length: 40 }, (_, index) => ask(`n${String(index)}.test`)),
      );
      assert.deepEqual(new Set(found.flat()), new Set(['16']));
      resolver.close();
    }));

  for (const [why, args] of [
    ['ends at once', ['-e', 'process.exit(1)']],
    ['has no such program', ['/nonexistent/program.js']],
  ] as const) {
    test(`looks names up in this process where the other ${why}`, () =>
      withoutLeaks(async () => {
        const resolver = new NamesProcess(args);
        const ask = asking(resolver);
        const found = await Promise.all([ask('localhost'), ask('127.0.0.1')]);
        assert.ok(
          found.every((each) => each.includes('127.0.0.1')),
          JSON.stringify(found),
        );
        assert.equal(resolver.pid, undefined);
        assert.ok((await ask('localhost')).includes('127.0.0.1'));
        assert.equal(resolver.pid, undefined, 'it is not tried again at once');
        resolver.close();
      }));
  }
});

function isRunning(pid: number | undefined): boolean {
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch {
    return false;
  }
}
