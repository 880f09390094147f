import assert from 'node:assert/strict';
import { test } from 'node:test';
import { viewOf } from '../../../src/sentinel/decision/view.ts';
import { Scene } from './scene.ts';

test('viewOf() returns the same view where nothing that shows has changed', () => {
  const scene = Scene.serving();
  const before = scene.view();
  scene.answers('M0', 'M0', 'M0').pass(100);
  assert.equal(viewOf(scene.belief, before), before);
  scene.answers('M1', 'M0', 'M0');
  assert.notEqual(viewOf(scene.belief, before), before);
});

test('viewOf() is frozen in all its parts', () => {
  const view = Scene.serving().view();
  for (const part of [view, view.phase, view.sentinels, view.degraded]) assert.ok(Object.isFrozen(part));
});

test('viewOf() counts the Sentinels that answer and that agree', () => {
  const scene = Scene.serving().answers('M0', 'X0', 'unreachable');
  assert.deepEqual(scene.view().sentinels, { known: 3, answering: 2, agreeing: 1 });
  assert.deepEqual(scene.view().degraded, ['s2 names 127.0.0.1:7002']);
});

test('viewOf() counts agreement with the candidate during a fence', () => {
  const scene = Scene.serving().promoting('s2', 'X').answers('X0', 'M0', 'M0');
  assert.deepEqual(scene.view().sentinels, { known: 3, answering: 3, agreeing: 1 });
});

test('viewOf() says why nothing is served', () => {
  const reason = (scene: Scene): string => {
    const { phase } = scene.view();
    return phase.kind === 'serving' ? 'serving' : phase.reason;
  };
  assert.equal(
    reason(Scene.serving().promoting('s2', 'X')),
    'a failover to 127.0.0.1:7002 has begun, announced by s2',
  );
  assert.equal(
    reason(Scene.serving().probed('M', 'replica')),
    's1 names 127.0.0.1:7001, which says it is a replica',
  );
  assert.equal(
    reason(Scene.serving().probed('M', 'silent')),
    's1 names 127.0.0.1:7001, which cannot be used: silent',
  );
  assert.equal(
    reason(Scene.serving().answers('unreachable', 'M0', 'M0').probed('M', 'silent')),
    's2 names 127.0.0.1:7001, which cannot be used: silent',
    'a Sentinel that does not answer is not quoted',
  );
  assert.match(
    reason(Scene.serving().answers('unreachable', 'unreachable', 'unreachable').probed('M', 'silent')),
    /^127\.0\.0\.1:7001, last named by s1, cannot be used: silent; only 0 of 3/,
  );
  assert.equal(
    reason(new Scene().answers('M0', 'M0', 'M0').answers('M0', 'M0', 'M0').probed('M', 'astray')),
    's1 names 127.0.0.1:7001, which cannot be used: ENETUNREACH; if it has another address from here (NAT, containers), write that into addressMap',
  );
  assert.equal(
    reason(Scene.serving().probed('M', 'astray')),
    's1 names 127.0.0.1:7001, which cannot be used: ENETUNREACH',
    'who has been reached has its right address',
  );
  assert.equal(
    reason(Scene.serving().answers('M0', 'M0', 'unreachable').probed('M', 'silent')),
    's1 names 127.0.0.1:7001, which cannot be used: silent',
  );
  assert.equal(
    reason(Scene.serving().answers('unreachable', 'M0', 'M0').probed('M', 'silent')),
    's2 names 127.0.0.1:7001, which cannot be used: silent',
    'who does not answer names nobody',
  );
  assert.match(
    reason(Scene.serving().answers('unreachable', 'unreachable', 'unreachable').probed('M', 'silent')),
    /^127\.0\.0\.1:7001, last named by s1, cannot be used: silent; only 0 of 3/,
  );
  assert.equal(
    reason(Scene.serving().answers('M0', 'unreachable', 'unreachable').probed('M', 'silent')),
    's1 names 127.0.0.1:7001, which cannot be used: silent; only 1 of 3 Sentinels answer, too few for a failover',
  );
  assert.equal(
    reason(Scene.serving().answer('s2', 'X1')),
    'verifying 127.0.0.1:7002, the master of "mymaster" named by s2',
  );
  assert.match(
    reason(Scene.serving().promoting('s2', 'X').aborted('s2')),
    /^s2 aborted the failover .*asking the Sentinels again$/,
  );
  assert.match(
    reason(Scene.serving({ onSentinelLoss: 'refuse' }).answers('unreachable', 'unreachable', 'M0')),
    /^only 1 of 3 Sentinels answer, and serving without a majority of them is forbidden$/,
  );
});
