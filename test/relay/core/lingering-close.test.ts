import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RuntimeRig, type RigClient } from './runtime-rig.ts';

function refused(rig: RuntimeRig): RigClient {
  rig.refuse(1, 'no master');
  return rig.accept();
}

describe('a refused client', () => {
  it('reads why, and our direction ends behind that', () => {
    const rig = new RuntimeRig();
    const { connection, line } = refused(rig);
    assert.equal(line, '-LOADING sentinel-tunnel: no master\r\n');
    assert.equal(connection.hasEnded, true);
    assert.equal(connection.closed, undefined);
  });

  it('may send what it likes: that is read and thrown away, as a close on unread input would take the line back', () => {
    const rig = new RuntimeRig();
    const waiting = rig.accept();
    waiting.connection.receive('SET a 1\r\n');
    rig.refuse(1);
    waiting.connection.receive('SET b 2\r\n'.repeat(1_000));
    assert.equal(waiting.connection.isPaused, false);
    assert.equal(waiting.connection.closed, undefined);
    assert.deepEqual(rig.dials, []);
  });

  it('is closed after a second', () => {
    const rig = new RuntimeRig();
    const { connection } = refused(rig);
    rig.pass(999);
    assert.equal(connection.closed, undefined);
    rig.pass(1);
    assert.equal(connection.closed, 'close');
    assert.equal(rig.runtime.nextDeadline(), Infinity);
  });

  for (const [what, happens, how] of [
    [
      'ends',
      ({ connection }: RigClient) => {
        connection.endPeer();
      },
      'close',
    ],
    [
      'takes nothing more',
      ({ connection }: RigClient) => {
        connection.failWrites();
      },
      'close',
    ],
    [
      'breaks off',
      ({ connection }: RigClient) => {
        connection.breakOff();
      },
      'gone',
    ],
  ] as const) {
    it(`is closed as soon as it ${what}`, () => {
      const rig = new RuntimeRig();
      const client = refused(rig);
      rig.pass(500);
      happens(client);
      assert.equal(client.connection.closed, how);
      assert.equal(rig.runtime.nextDeadline(), Infinity);
    });
  }

  it('is closed at once where it ended before it was refused', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    const client = rig.accept();
    client.connection.receive('SET a 1\r\n');
    client.connection.endPeer();
    rig.pass(300); // its dial is given up
    assert.equal(client.connection.closed, 'close');

    const late = rig.accept();
    late.connection.endPeerUnnoticed();
    rig.runtime.apply({ kind: 'drain' });
    assert.equal(late.line, '-LOADING sentinel-tunnel: shutting down\r\n');
    assert.equal(late.connection.closed, 'close');
  });
});

describe('a drain', () => {
  it('refuses who waits, is dialled for and comes, and lets attached clients finish', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    const attached = rig.attached();
    const dialling = rig.accept();
    rig.runtime.apply({ kind: 'drain' });
    for (const { line } of [dialling, rig.accept()])
      assert.equal(line, '-LOADING sentinel-tunnel: shutting down\r\n');
    assert.equal(rig.dials[1]?.isAbandoned, true);
    attached.connection.receive('PING\r\n');
    assert.equal(rig.upstreamOf(attached).written, 'PING\r\n');
    rig.pass(60_000);
    assert.deepEqual(rig.reported('drained'), []);
    attached.connection.breakOff();
    assert.equal(rig.reported('drained').length, 1);
  });

  it('is over at once where nobody is left', () => {
    const rig = new RuntimeRig();
    rig.runtime.apply({ kind: 'drain' });
    assert.deepEqual(rig.events, [{ kind: 'drained' }]);
  });

  it('is over when refused clients have closed too, and is reported once', () => {
    const rig = new RuntimeRig();
    const [first, second] = [rig.accept(), rig.accept()];
    rig.runtime.apply({ kind: 'drain' });
    first.connection.endPeer();
    assert.deepEqual(rig.reported('drained'), []);
    second.connection.endPeer();
    assert.equal(rig.reported('drained').length, 1);
    rig.accept().connection.endPeer();
    rig.pass(5_000);
    rig.runtime.apply({ kind: 'close' });
    assert.equal(rig.reported('drained').length, 1);
  });

  it('is ended by a close', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    const attached = rig.attached();
    const dialling = rig.accept();
    rig.runtime.apply({ kind: 'drain' });
    rig.runtime.apply({ kind: 'close' });
    assert.equal(rig.reasonOf(attached), 'drained');
    assert.deepEqual([attached.connection.closed, dialling.connection.closed], ['reset', 'close']);
    assert.equal(rig.reported('drained').length, 1);
  });
});

describe('a close', () => {
  it('cuts everyone, gives every permit back and leaves nothing that is due', () => {
    const rig = new RuntimeRig({ maxConnections: 9, idleMs: 400 });
    rig.serve(1);
    const attached = rig.attached();
    const upstream = rig.upstreamOf(attached);
    const [dialling, retrying] = [rig.accept(), rig.accept()];
    rig.dialOf(retrying).fail();
    rig.runtime.apply({ kind: 'freeze', withinMs: 500 });
    rig.runtime.apply({ kind: 'close' });
    for (const client of [attached, dialling, retrying]) {
      assert.equal(rig.reasonOf(client), 'drained');
      assert.equal(client.connection.closed, 'reset');
      assert.equal(client.line, '');
    }
    assert.equal(upstream.closed, 'reset');
    assert.equal(rig.pendingDials.length, 0);
    assert.equal(rig.runtime.nextDeadline(), Infinity);
    assert.equal(rig.reported('frozen').length, 1);
    const { open, held, ended } = rig.counters();
    assert.deepEqual([open, held, ended.drained], [0, 0, 3]);
  });

  it('closes refused clients that linger', () => {
    const rig = new RuntimeRig();
    const { connection } = refused(rig);
    rig.runtime.apply({ kind: 'close' });
    assert.equal(connection.closed, 'close');
    assert.equal(rig.runtime.nextDeadline(), Infinity);
  });
});
