import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { Pulse } from '../../../src/sentinel/links/pulse.ts';
import { eventually } from '../../support/index.ts';

test('a pulse that is woken all the time keeps its floor', async () => {
  const begun: number[] = [];
  const pulse = new Pulse(50, () => {
    begun.push(performance.now());
    return Promise.resolve(60_000);
  });
  const startedMs = performance.now();
  pulse.start();
  while (begun.length < 5) {
    pulse.wake();
    await sleep(1);
  }
  pulse.close();
  const lastedMs = performance.now() - startedMs;
  // A timer may ring a millisecond early by this clock.
  assert.ok(begun.length <= 1 + lastedMs / 49, `${String(begun.length)} runs in ${String(lastedMs)} ms`);
});

test('wakes during a run cause one more run', async () => {
  let runs = 0;
  let finish: ((waitMs: number) => void) | undefined;
  const pulse = new Pulse(0, () => {
    runs += 1;
    return new Promise((resolve) => (finish = resolve));
  });
  pulse.start();
  assert.equal(runs, 1);
  for (let count = 0; count < 10; count += 1) pulse.wake();
  assert.equal(runs, 1);
  finish?.(60_000);
  await eventually(() => runs === 2);
  finish?.(60_000);
  await sleep(50);
  assert.equal(runs, 2);
  pulse.close();
  pulse.wake();
  assert.equal(runs, 2);
});
