import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { a, b, RuntimeRig, type RigClient } from './runtime-rig.ts';

/** A client that has asked something, and has not been answered. */
function asking(rig: RuntimeRig): RigClient {
  const client = rig.attached();
  client.connection.receive('BLPOP queue 0\r\n');
  return client;
}

function frozen(rig: RuntimeRig): (readonly [number, number])[] {
  return rig.reported('frozen').map(({ answered, unanswered }) => [answered, unanswered]);
}

function begin(rig: RuntimeRig, withinMs = 500): void {
  rig.hold(1, 'a failover is going on');
  rig.runtime.apply({ kind: 'freeze', withinMs });
}

describe('a freeze', () => {
  it('is over at once where nobody is attached', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    begin(rig);
    assert.deepEqual(frozen(rig), [[0, 0]]);
    assert.equal(rig.runtime.nextDeadline(), Infinity);
  });

  it('reads nothing more from clients that are answered, and is over when that has lasted a moment', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    const client = rig.attached();
    begin(rig);
    client.connection.receive('SET a 1\r\n');
    assert.equal(rig.upstreamOf(client).written, '');
    rig.pass(4);
    assert.deepEqual(frozen(rig), []);
    rig.pass(4);
    assert.deepEqual(frozen(rig), [[1, 0]]);
    rig.pass(10_000);
    assert.deepEqual(frozen(rig), [[1, 0]], 'it is reported once');
  });

  it('has what was asked answered: half of a command is read to its end, and nothing behind the reply', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    const client = rig.attached();
    client.connection.receive('SET a');
    begin(rig);
    client.connection.receive(' 1\r\n');
    rig.pass(100);
    assert.deepEqual(frozen(rig), []);
    const upstream = rig.upstreamOf(client);
    upstream.receive('+OK\r\n');
    client.connection.receive('SET b 2\r\n');
    rig.pass(10);
    assert.deepEqual(frozen(rig), [[1, 0]]);
    assert.equal(upstream.written, 'SET a 1\r\n');
    assert.equal(client.line, '+OK\r\n');
  });

  it('waits for a reply to be complete, as far as pauses in it show that', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    const client = asking(rig);
    begin(rig);
    for (let part = 0; part < 20; part += 1) {
      rig.upstreamOf(client).receive('part');
      rig.pass(4);
    }
    assert.deepEqual(frozen(rig), []);
    client.connection.block();
    rig.upstreamOf(client).receive('end');
    rig.pass(50);
    assert.deepEqual(frozen(rig), [], 'a part of it is not on its way yet');
    client.connection.flush();
    rig.pass(2);
    assert.deepEqual(frozen(rig), [[1, 0]]);
  });

  it('is over when its time is, and says who is still unanswered', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    rig.attached();
    asking(rig);
    begin(rig, 500);
    rig.pass(499);
    assert.deepEqual(frozen(rig), []);
    rig.pass(3);
    assert.deepEqual(frozen(rig), [[1, 1]]);
  });

  it('does not wait for clients that end', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    rig.attached();
    const client = asking(rig);
    begin(rig);
    client.connection.breakOff();
    rig.pass(10);
    assert.deepEqual(frozen(rig), [[1, 0]]);
  });

  for (const [how, end] of [
    [
      'a thaw',
      (rig: RuntimeRig) => {
        rig.runtime.apply({ kind: 'thaw' });
      },
    ],
    [
      'a route that serves the same generation',
      (rig: RuntimeRig) => {
        rig.serve(1, a);
      },
    ],
  ] as const) {
    it(`ends by ${how}: clients are read from again, and it is reported as far as it has come`, () => {
      const rig = new RuntimeRig();
      rig.serve(1);
      const [waiting, answered] = [asking(rig), rig.attached()];
      begin(rig);
      answered.connection.receive('SET a 1\r\n');
      end(rig);
      assert.equal(rig.upstreamOf(answered).written, 'SET a 1\r\n');
      assert.equal(waiting.connection.isPaused, false);
      assert.equal(frozen(rig).length, 1);
      end(rig);
      rig.pass(1_000);
      assert.equal(frozen(rig).length, 1);
    });
  }

  it('lasts until a thaw, also when it is over', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    const client = rig.attached();
    begin(rig);
    rig.pass(1_000);
    client.connection.receive('SET a 1\r\n');
    assert.equal(rig.upstreamOf(client).written, '');
    rig.runtime.apply({ kind: 'thaw' });
    assert.equal(rig.upstreamOf(client).written, 'SET a 1\r\n');
    assert.equal(frozen(rig).length, 1);
  });

  it('takes the place of one that is under way, which is reported as far as it has come', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    const client = asking(rig);
    begin(rig);
    begin(rig);
    assert.deepEqual(frozen(rig), [[0, 1]]);
    rig.upstreamOf(client).receive('*-1\r\n');
    rig.pass(20);
    assert.deepEqual(frozen(rig), [
      [0, 1],
      [1, 0],
    ]);
    client.connection.receive('SET a 1\r\n');
    assert.equal(client.connection.isPaused, true);
  });

  it('ends with its clients where another generation comes', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    const client = asking(rig);
    begin(rig);
    rig.serve(2, b);
    assert.equal(rig.reasonOf(client), 'evicted');
    assert.deepEqual(frozen(rig), [[0, 0]]);
  });
});
