import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CreateFlow } from '../../../src/relay/flow/flow.ts';
import { FakeConnection } from '../fake-connection.ts';
import { FakeFlow } from './fake-flow.ts';
import { a, b, RuntimeRig, taken, type RigClient } from './runtime-rig.ts';

describe('an attached client', () => {
  it('is attached to a server that has sent something already', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    const client = rig.accept();
    const upstream = new FakeConnection();
    upstream.receive('-ERR max number of clients reached\r\n');
    rig.dialOf(client).connect(upstream);
    assert.equal(client.line, '-ERR max number of clients reached\r\n');
  });

  it('ends when nothing moves, but nobody for what a stall kept from being read', () => {
    const rig = new RuntimeRig({ idleMs: 400 });
    rig.serve(1);
    const silent = rig.attached();
    const upstream = rig.upstreamOf(silent);
    rig.nowMs += 1_000; // no tick meanwhile: the process was stalled
    rig.runtime.tick();
    assert.equal(silent.phase, 'attached');
    for (let look = 0; look < 4; look += 1) {
      rig.nowMs += 100;
      rig.runtime.tick();
    }
    assert.equal(rig.reasonOf(silent), 'idle');
    assert.deepEqual([silent.connection.closed, upstream.closed], ['close', 'close']);
  });

  it('does not end while something moves, either way', () => {
    const rig = new RuntimeRig({ idleMs: 400 });
    rig.serve(1);
    const [asking, hearing] = [rig.attached(), rig.attached()];
    for (let ms = 0; ms < 2_000; ms += 200) {
      rig.pass(200);
      asking.connection.receive('x');
      rig.upstreamOf(hearing).receive('x');
    }
    assert.deepEqual([asking.phase, hearing.phase], ['attached', 'attached']);
  });

  it('has all of a new idle timeout from the change on', () => {
    const rig = new RuntimeRig({ idleMs: 0, holdMs: 60_000 });
    rig.serve(1);
    const client = rig.attached();
    rig.pass(10_000);
    rig.limit({ idleMs: 400 });
    rig.pass(399);
    assert.equal(client.phase, 'attached');
    rig.pass(1);
    assert.equal(client.phase, 'ended');
  });

  for (const by of ['downstream', 'upstream'] as const) {
    it(`is cut when nothing moves for a minute after an end, and who closed is named: ${by}`, () => {
      const rig = new RuntimeRig();
      rig.serve(1);
      const [client, whole] = [rig.attached(), rig.attached()];
      const upstream = rig.upstreamOf(client);
      (by === 'downstream' ? client.connection : upstream).endPeer();
      rig.pass(59_999);
      if (by === 'downstream') upstream.receive('x');
      else client.connection.receive('x');
      rig.pass(59_999);
      assert.equal(client.phase, 'attached', 'a byte has moved in the first minute');
      rig.pass(2);
      assert.equal(rig.reasonOf(client), by);
      assert.deepEqual([client.connection.closed, upstream.closed], ['reset', 'reset']);
      assert.equal(whole.phase, 'attached');
    });
  }

  it('has a minute from the first end on: a second one changes neither that nor who is named', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    const client = rig.attached();
    client.connection.endPeer();
    rig.pass(30_000);
    rig.upstreamOf(client).failWrites();
    rig.pass(29_999);
    assert.equal(client.phase, 'attached');
    rig.pass(1);
    assert.equal(rig.reasonOf(client), 'downstream');
  });

  it('ends once, and counts once, however its connections end', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    const client = rig.attached();
    const upstream = rig.upstreamOf(client);
    client.connection.receive('GET a\r\n');
    upstream.receive('$3\r\nabc\r\n');
    rig.pass(25);
    upstream.endPeer();
    client.connection.endPeer();
    for (const connection of [client.connection, upstream]) connection.breakOff();
    rig.runtime.apply({ kind: 'close' });
    assert.deepEqual(rig.reported('session-ended'), [
      {
        kind: 'session-ended',
        session: 1,
        reason: 'upstream',
        upstreamBytes: 7,
        downstreamBytes: 9,
        lastedMs: 25,
      },
    ]);
    const { upstreamBytes, downstreamBytes, ended } = rig.counters();
    assert.deepEqual([upstreamBytes, downstreamBytes, ended.upstream, ended.downstream], [7, 9, 1, 0]);
  });

  it('is cut by an operator, and the route stays', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    const clients = [rig.attached(), rig.attached()];
    const upstreams = clients.map((client) => rig.upstreamOf(client));
    const dialling = rig.accept();
    rig.runtime.apply({ kind: 'evict' });
    assert.deepEqual(rig.reported('evicted'), [{ kind: 'evicted', cut: 2 }]);
    for (const client of clients) assert.equal(rig.reasonOf(client), 'evicted');
    for (const { closed } of [...upstreams, ...clients.map(({ connection }) => connection)])
      assert.equal(closed, 'reset');
    assert.equal(dialling.phase, 'dialling');
    assert.equal(rig.attached().phase, 'attached');
  });
});

describe('a client that replicates', () => {
  const sync = '*3\r\n$5\r\nPSYNC\r\n$1\r\n?\r\n$2\r\n-1\r\n';

  it('is refused, and nothing of it goes to the server, also if it sent that while it was dialled for', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    const [attached, dialling] = [rig.attached(), rig.accept()];
    dialling.connection.receive(sync);
    const upstreams = [rig.upstreamOf(attached), new FakeConnection()];
    attached.connection.receive(sync);
    rig.dialOf(dialling).connect(upstreams[1]);
    for (const [index, client] of [attached, dialling].entries()) {
      assert.match(client.line, /^-DENIED sentinel-tunnel: this listener carries no replication/);
      assert.equal(rig.reasonOf(client), 'refused');
      assert.deepEqual([upstreams[index]?.written, upstreams[index]?.closed], ['', 'reset']);
    }
    assert.equal(rig.reported('refused').length, 1);
    rig.pass(50);
    assert.equal(
      rig.reported('refused').reduce((sum, { count }) => sum + count, 0),
      2,
    );
  });

  it('is cut where it is in the middle of a reply: a line would be taken for a part of that', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    const reading = rig.attached();
    reading.connection.receive('PING\r\n');
    reading.connection.block();
    rig.upstreamOf(reading).receive('+PO');
    reading.connection.receive(sync);
    assert.equal(reading.connection.closed, 'reset');
    assert.equal(reading.line, '+PO');
    assert.equal(rig.reasonOf(reading), 'refused');
    assert.equal(rig.reported('refused').length, 1);
  });

  it('is carried where its listener allows replication', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    const client = rig.accept(true);
    rig.dialOf(client).connect();
    client.connection.receive(sync);
    assert.equal(rig.upstreamOf(client).written, sync);
  });
});

/** A rig whose flows keep their clients, or not, and those flows. */
function withFlows(fate: 'cut' | 'waits', changes = {}): { rig: RuntimeRig; flows: FakeFlow[] } {
  const flows: FakeFlow[] = [];
  const createFlow: CreateFlow = (client) => {
    const flow = new FakeFlow(client, fate);
    flows.push(flow);
    return flow;
  };
  return { rig: new RuntimeRig(changes, createFlow), flows };
}

describe('a flow that goes on without its upstream', () => {
  function attachedTwice(): { rig: RuntimeRig; flow: FakeFlow; client: RigClient; first: FakeConnection } {
    const { rig, flows } = withFlows('waits');
    rig.serve(1);
    const client = rig.attached();
    const first = rig.upstreamOf(client);
    rig.hold(2);
    assert.equal(client.phase, 'waiting');
    rig.pass(200);
    rig.serve(3, b);
    rig.dialOf(client).connect();
    assert.equal(flows.length, 1, 'the client keeps its flow');
    const [flow] = flows;
    assert.ok(flow);
    return { rig, flow, client, first };
  }

  it('has its client wait at a fence, and be attached to the next upstream', () => {
    const { rig, flow, client, first } = attachedTwice();
    assert.equal(first.closed, 'reset', 'an upstream belongs to one generation');
    assert.equal(client.connection.closed, undefined);
    assert.deepEqual(flow.upstreams, [first, rig.upstreamOf(client)]);
    assert.equal(client.client.upstream?.generation, 3);
    assert.deepEqual(
      rig.reported('steered').map(({ cut, held, released }) => [cut, held, released]),
      [
        [0, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
      ],
    );
    const { open, held, ended } = rig.counters();
    assert.deepEqual([open, held, ended.evicted], [1, 0, 0]);
  });

  it('has its client wait no longer than the hold, counted from the fence', () => {
    const { rig, client } = attachedTwice();
    rig.pass(5_000);
    rig.hold(4, 'no master');
    rig.pass(999);
    assert.equal(client.phase, 'waiting');
    rig.pass(1);
    assert.equal(client.line, '-LOADING sentinel-tunnel: no master; waited 1000 ms\r\n');
    assert.equal(client.phase, 'ended');
    const { counts } = rig.durations.view().session;
    assert.equal(
      counts.reduce((sum, count) => sum + count, 0),
      1,
      'it was attached',
    );
    assert.equal(taken(rig.permits.clients), 0);
  });

  it('has its client wait even where no more may, and no newcomer beside it', () => {
    const { rig } = withFlows('waits', { holdMax: 1, maxConnections: 9 });
    rig.serve(1);
    const clients = [rig.attached(), rig.attached()];
    rig.hold(2);
    assert.deepEqual(
      clients.map(({ phase }) => phase),
      ['waiting', 'waiting'],
    );
    assert.equal(taken(rig.permits.waiting), 1);
    assert.equal(rig.accept().phase, 'ended');
    rig.serve(3);
    for (const client of clients) rig.dialOf(client).connect();
    assert.equal(taken(rig.permits.waiting), 0);
  });

  it('has its client leave while it waits', () => {
    const { rig, client } = attachedTwice();
    rig.hold(4);
    client.connection.endPeer();
    assert.equal(rig.reasonOf(client), 'downstream');
    const dialled = rig.accept();
    rig.serve(5);
    rig.dialOf(dialled).connect();
    rig.hold(6);
    rig.serve(7);
    dialled.connection.breakOff();
    assert.equal(rig.reasonOf(dialled), 'downstream');
    assert.equal(rig.pendingDials.length, 0);
  });

  it('has its client dialled for at once where the new route serves already', () => {
    const { rig } = withFlows('waits');
    rig.serve(1);
    const client = rig.attached();
    rig.serve(2, b);
    assert.equal(client.phase, 'dialling');
    assert.deepEqual(rig.reported('steered').at(-1), {
      kind: 'steered',
      generation: 2,
      cut: 0,
      held: 0,
      released: 1,
    });
  });

  it('is not held to what its client did before: the idle timeout begins again', () => {
    const { rig } = withFlows('waits', { idleMs: 400, holdMs: 5_000 });
    rig.serve(1);
    const client = rig.attached();
    rig.hold(2);
    rig.pass(4_000);
    assert.equal(client.phase, 'waiting');
    rig.serve(3);
    rig.dialOf(client).connect();
    rig.pass(300);
    assert.equal(client.phase, 'attached');
    rig.pass(200);
    assert.equal(rig.reasonOf(client), 'idle');
  });

  it('is not held to what its last server did: a half-close is forgotten', () => {
    const { rig } = withFlows('waits');
    rig.serve(1);
    const client = rig.attached();
    rig.runtime.clientHalfClosed(client.client, 'upstream');
    rig.hold(2);
    rig.serve(3);
    rig.dialOf(client).connect();
    rig.pass(120_000);
    assert.equal(client.phase, 'attached');
  });

  it('is refused with the others where nothing is served any more', () => {
    const { rig } = withFlows('waits');
    rig.serve(1);
    const client = rig.attached();
    rig.refuse(2, 'no master');
    assert.equal(client.line, '-LOADING sentinel-tunnel: no master\r\n');
  });

  it('is no reason to keep the clients of flows that cannot', () => {
    const { rig } = withFlows('cut');
    rig.serve(1);
    const client = rig.attached();
    rig.serve(2, a);
    assert.equal(rig.reasonOf(client), 'evicted');
  });
});
