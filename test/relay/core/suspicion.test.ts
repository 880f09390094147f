import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { a, b, RuntimeRig, taken, type RigClient } from './runtime-rig.ts';

/** The server ends the connection of an attached client, which had not asked for that. */
function drop(rig: RuntimeRig, client = rig.attached()): RigClient {
  rig.upstreamOf(client).endPeer();
  return client;
}

describe('a server that drops a client', () => {
  it('is reported, and new clients wait until it has answered a question that was asked since', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    const client = rig.attached();
    const dialling = rig.accept();
    drop(rig, client);
    assert.deepEqual(rig.reported('dropped'), [
      { kind: 'dropped', generation: 1, endpoint: a, client: client.id },
    ]);
    assert.equal(rig.dials[1]?.isAbandoned, true);
    const late = rig.accept();
    assert.deepEqual([dialling.phase, late.phase], ['waiting', 'waiting']);
    rig.trust(dialling);
    assert.equal(late.phase, 'waiting', 'that was asked before');
    rig.trust(client);
    assert.deepEqual([dialling.phase, late.phase], ['dialling', 'dialling']);
  });

  it('is reported once where it breaks a connection off', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    const client = rig.attached();
    rig.upstreamOf(client).breakOff();
    assert.equal(rig.reported('dropped').length, 1);
    assert.equal(rig.reasonOf(client), 'upstream');
  });

  it('is not suspected where the client asked for it, by QUIT or by an end', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    const [quitting, ending] = [rig.attached(), rig.attached()];
    quitting.connection.receive('QUIT\r\n');
    rig.upstreamOf(quitting).receive('+OK\r\n');
    ending.connection.endPeer();
    for (const client of [quitting, ending]) drop(rig, client);
    assert.deepEqual(rig.reported('dropped'), []);
    assert.equal(rig.accept().phase, 'dialling');
  });

  it('is not asked again when it has just answered, and is after a while', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    const clients = [rig.attached(), rig.attached(), rig.attached(), rig.attached()] as const;
    drop(rig, clients[0]);
    drop(rig, clients[1]);
    rig.trust(clients[0]);
    rig.pass(19);
    drop(rig, clients[2]);
    assert.equal(rig.reported('dropped').length, 1);
    assert.equal(rig.accept().phase, 'dialling');
    rig.pass(1);
    drop(rig, clients[3]);
    assert.equal(rig.reported('dropped').length, 2);
  });

  it('is dialled again after 600 ms when no answer comes at all', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    drop(rig);
    const client = rig.accept();
    rig.pass(599);
    assert.equal(client.phase, 'waiting');
    rig.pass(1);
    assert.equal(client.phase, 'dialling');
  });

  it('is no reason to refuse anyone, and is forgotten under a new route', () => {
    const rig = new RuntimeRig({ holdMax: 1, maxConnections: 9 });
    rig.serve(1);
    drop(rig);
    assert.deepEqual([rig.accept().phase, rig.accept().phase], ['waiting', 'dialling']);
    rig.serve(2, b);
    assert.equal(rig.accept().phase, 'dialling');
    assert.deepEqual(rig.reported('refused'), []);
  });

  it('leaves dials alone for which there is no room to wait', () => {
    const rig = new RuntimeRig({ holdMax: 1 });
    rig.serve(1);
    const client = rig.attached();
    const dialling = [rig.accept(), rig.accept()];
    drop(rig, client);
    assert.deepEqual(
      dialling.map(({ phase }) => phase),
      ['waiting', 'dialling'],
    );
    assert.equal(taken(rig.permits.waiting), 1);
  });

  it('is no suspect where that concerns a master that is left already', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    const [first, second] = [rig.attached(), rig.attached()];
    const upstream = rig.upstreamOf(second);
    rig.hold(1);
    drop(rig, first);
    rig.serve(2, b);
    upstream.endPeer();
    assert.deepEqual(rig.reported('dropped'), []);
  });

  it('keeps a client that has sent all it has to send, unless another route comes', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    const first = drop(rig);
    const client = rig.accept();
    client.connection.receive('GET a\r\n');
    client.connection.endPeer();
    assert.equal(client.phase, 'waiting');
    rig.trust(first);
    assert.equal(client.phase, 'dialling');

    const other = new RuntimeRig();
    other.serve(1);
    drop(other);
    const [asking, silent] = [other.accept(), other.accept()];
    asking.connection.receive('GET a\r\n');
    asking.connection.endPeer();
    silent.connection.endPeer();
    assert.deepEqual([asking.phase, silent.phase], ['waiting', 'ended']);
    other.hold(2);
    assert.equal(asking.phase, 'ended');
  });

  it('holds up what is tried again too', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    const client = rig.attached();
    const retrying = rig.accept();
    rig.dialOf(retrying).fail();
    drop(rig, client);
    rig.pass(100);
    assert.equal(retrying.phase, 'waiting');
    assert.equal(rig.pendingDials.length, 0);
    rig.trust(client);
    assert.equal(retrying.phase, 'dialling');
  });
});

describe('suspend()', () => {
  it('has nobody dialled for until resume(), however long that takes', () => {
    const rig = new RuntimeRig({ holdMs: 60_000, maxConnections: 9 });
    rig.serve(1);
    const attached = rig.attached();
    const dialling = rig.accept();
    rig.runtime.suspend();
    const late = rig.accept();
    rig.pass(10_000);
    drop(rig, attached);
    rig.trust(attached);
    assert.deepEqual([dialling.phase, late.phase], ['waiting', 'waiting']);
    assert.equal(rig.pendingDials.length, 0);
    assert.deepEqual(rig.reported('dropped'), []);
    rig.runtime.resume();
    assert.deepEqual([dialling.phase, late.phase], ['dialling', 'dialling']);
  });

  it('has everyone wait who was dialled for, even where no more may, and no newcomer beside them', () => {
    const rig = new RuntimeRig({ holdMax: 1 });
    rig.serve(1);
    const clients = [rig.accept(), rig.accept()];
    rig.runtime.suspend();
    rig.hold(1);
    assert.deepEqual(
      clients.map(({ phase }) => phase),
      ['waiting', 'waiting'],
    );
    assert.equal(taken(rig.permits.waiting), 1);
    assert.equal(rig.accept().phase, 'ended');
    rig.serve(1);
    assert.equal(taken(rig.permits.waiting), 0);
  });

  it('ends with another route', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    rig.runtime.suspend();
    const client = rig.accept();
    rig.serve(2, b);
    assert.equal(client.phase, 'dialling');
    assert.equal(rig.accept().phase, 'dialling');
  });

  it('dials for nobody at resume() where there is no master', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    rig.runtime.suspend();
    const client = rig.accept();
    rig.hold(2);
    rig.runtime.resume();
    assert.equal(client.phase, 'waiting');
    assert.deepEqual(rig.dials, []);
  });
});
