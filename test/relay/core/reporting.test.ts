import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { a, RuntimeRig } from './runtime-rig.ts';

describe('what a runtime reports', () => {
  it('is the first failed dial at once, and the rest of a burst together', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    const clients = [rig.accept(), rig.accept(), rig.accept()];
    for (const client of clients) rig.dialOf(client).fail();
    const counts = (): number[] => rig.reported('dial-failed').map(({ count }) => count);
    assert.deepEqual(counts(), [1]);
    rig.pass(50);
    assert.deepEqual(counts(), [1, 2]);
    assert.equal(rig.counters().dialFailures, 3);
  });

  it('is who was turned away once a second, counted as refused', () => {
    const rig = new RuntimeRig();
    for (let count = 0; count < 5; count += 1)
      rig.runtime.turnedAway(`10.0.0.${String(count)} is not allowed`);
    assert.deepEqual(rig.reported('refused'), [
      { kind: 'refused', reason: '10.0.0.0 is not allowed', count: 1 },
    ]);
    rig.pass(1000);
    assert.deepEqual(rig.reported('refused').slice(1), [
      { kind: 'refused', reason: '10.0.0.4 is not allowed', count: 4 },
    ]);
    const { admitted, ended } = rig.counters();
    assert.deepEqual([admitted, ended.refused], [5, 5]);
  });

  it('is what was held back, when it is closed', () => {
    const rig = new RuntimeRig();
    rig.refuse(1);
    rig.accept();
    rig.accept();
    rig.runtime.apply({ kind: 'close' });
    assert.deepEqual(
      rig.reported('refused').map(({ count }) => count),
      [1, 1],
    );
  });

  it('is a suspect reply at most once in 50 ms, and none of a client that has ended', () => {
    const rig = new RuntimeRig();
    rig.serve(4);
    const upstream = rig.upstreamOf(rig.attached());
    upstream.receive("-READONLY You can't write against a read only replica.\r\n");
    rig.pass(49);
    upstream.receive('-READONLY\r\n');
    assert.equal(rig.reported('suspect-reply').length, 1);
    rig.pass(1);
    upstream.receive('-LOADING Redis is loading the dataset in memory\r\n');
    assert.deepEqual(rig.reported('suspect-reply')[1], {
      kind: 'suspect-reply',
      generation: 4,
      endpoint: a,
      word: 'LOADING',
    });
    rig.pass(50);
    rig.hold(5);
    upstream.receive('-LOADING\r\n');
    assert.equal(rig.reported('suspect-reply').length, 2);
  });

  it('is the first reply of each generation, whoever reads it', () => {
    const rig = new RuntimeRig();
    for (const generation of [1, 2]) {
      rig.serve(generation);
      for (const upstream of [rig.attached(), rig.attached()].map((client) => rig.upstreamOf(client)))
        upstream.receive('+PONG\r\n');
    }
    assert.deepEqual(rig.reported('first-byte'), [
      { kind: 'first-byte', generation: 1 },
      { kind: 'first-byte', generation: 2 },
    ]);
  });

  it('is each client from its upstream to its end, where that is wanted', () => {
    const rig = new RuntimeRig();
    rig.serve(3);
    const client = rig.attached();
    assert.deepEqual(rig.reported('session-opened'), [
      { kind: 'session-opened', session: client.id, generation: 3 },
    ]);
    rig.limit({ reportsSessions: false });
    rig.attached();
    client.connection.breakOff();
    assert.equal(rig.reported('session-opened').length, 1);
    assert.equal(rig.reported('session-ended').length, 0);
  });

  it('is that accepting fails and succeeds again', () => {
    const rig = new RuntimeRig();
    const address = { kind: 'tcp', host: '127.0.0.1', port: 6379 } as const;
    rig.runtime.acceptPaused(address, 'EMFILE');
    rig.runtime.acceptFailed();
    rig.runtime.acceptResumed(address);
    assert.deepEqual(rig.events, [
      { kind: 'accept-paused', address, code: 'EMFILE' },
      { kind: 'accept-resumed', address },
    ]);
    assert.equal(rig.counters().acceptErrors, 2);
  });

  it('is how long dials and clients took', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    const client = rig.accept();
    rig.pass(20);
    rig.dialOf(client).connect();
    rig.pass(2_000);
    client.connection.breakOff();
    rig.accept().connection.endPeer();
    const { dial, session } = rig.durations.view();
    assert.equal(dial.sum, 0.02);
    assert.equal(session.sum, 2.02, 'from admission on, and of nobody who was never attached');
  });

  it('numbers clients in the steps that it was given, so that no two threads give one number', () => {
    const rig = new RuntimeRig({}, undefined, { firstClient: 3, clientStep: 4 });
    assert.deepEqual(
      [rig.accept(), rig.accept(), rig.accept()].map(({ id }) => id),
      [3, 7, 11],
    );
  });
});
