import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { a, b, RuntimeRig, taken } from './runtime-rig.ts';

/** What a client that is refused for this reason reads. */
function said(reason: string): string {
  return `-LOADING sentinel-tunnel: ${reason}\r\n`;
}

describe('a route', () => {
  it('is what clients wait for: all of them are dialled for when it comes', () => {
    const rig = new RuntimeRig();
    const clients = [rig.accept(), rig.accept()];
    assert.deepEqual(rig.dials, []);
    assert.equal(rig.counters().held, 2);
    rig.serve(1);
    assert.deepEqual(rig.endpoints, [a, a]);
    assert.deepEqual(
      rig.dials.map(({ handler }) => handler),
      clients.map(({ client }) => client.upstream),
      'in order of admission',
    );
    assert.deepEqual(rig.events, [{ kind: 'steered', generation: 1, cut: 0, held: 0, released: 2 }]);
    const { open, held } = rig.counters();
    assert.deepEqual([open, held], [2, 0]);
  });

  it('of another generation cuts attached clients of older ones, and only those', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    const old = [rig.attached(), rig.attached()];
    rig.serve(2, b);
    for (const client of old) {
      assert.equal(client.connection.closed, 'reset');
      assert.equal(rig.reasonOf(client), 'evicted');
    }
    const young = rig.attached();
    rig.serve(2, b);
    rig.hold(2);
    rig.refuse(2);
    assert.equal(young.phase, 'attached');
    assert.equal(rig.counters().ended.evicted, 2);
    rig.hold(3);
    assert.equal(young.phase, 'ended');
    assert.equal(rig.reported('steered').at(-1)?.cut, 1);
  });

  it('resets upstreams of older generations: what is unsent reaches no old master', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    const client = rig.attached();
    const upstream = rig.upstreamOf(client);
    upstream.block();
    client.connection.receive('SET a 1\r\n');
    const { upstream: state } = client.client;
    rig.serve(2, b);
    assert.equal(upstream.closed, 'reset');
    assert.deepEqual([state?.generation, state?.state], [1, 'closed']);
  });

  it('abandons a dial of an older generation, and the client goes on under the new one', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    const client = rig.accept();
    const old = client.client.upstream;
    rig.serve(2, b);
    assert.equal(rig.dials[0]?.isAbandoned, true);
    assert.equal(old?.state, 'closed');
    assert.deepEqual(rig.endpoints, [a, b]);
    rig.dialOf(client).connect();
    assert.equal(client.phase, 'attached');
    const { generation, endpoint } = client.client.upstream ?? {};
    assert.deepEqual([generation, endpoint], [2, b]);
    assert.equal(client.connection.closed, undefined);
  });

  it('wants no dial that it has overtaken: that one neither connects nor fails', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    const client = rig.accept();
    rig.hold(2);
    assert.deepEqual(
      rig.dials.map(({ isAbandoned }) => isAbandoned),
      [true],
    );
    assert.equal(client.phase, 'waiting');
    rig.pass(999);
    assert.equal(client.phase, 'waiting');
    assert.equal(rig.counters().dialFailures, 0);
  });

  it('keeps a dial that is under way when it comes again', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    const client = rig.accept();
    rig.serve(1);
    assert.equal(rig.dials.length, 1);
    rig.dialOf(client).connect();
    assert.equal(client.phase, 'attached');
  });

  it('that serves nothing refuses who waits, is dialled for and comes', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    const [dialling, retrying] = [rig.accept(), rig.accept()];
    rig.dialOf(retrying).fail();
    rig.refuse(1, 'two\r\nlines');
    for (const client of [dialling, retrying, rig.accept()]) assert.equal(client.line, said('two lines'));
    assert.equal(rig.dials[0]?.isAbandoned, true);
  });
});

describe('a client that leaves before it is attached', () => {
  it('is forgotten while it waits, whether it has asked something or not', () => {
    const rig = new RuntimeRig({ holdMax: 2 });
    const [silent, asking] = [rig.accept(), rig.accept()];
    asking.connection.receive('SET a 1\r\n');
    for (const client of [silent, asking]) {
      client.connection.endPeer();
      assert.equal(client.connection.closed, 'close');
      assert.equal(rig.reasonOf(client), 'downstream');
    }
    assert.equal(rig.accept().phase, 'waiting', 'its permit is free');
    rig.serve(1);
    assert.equal(rig.dials.length, 1);
  });

  it('is kept while it is dialled for and has asked something: it may read all replies afterwards', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    const [asking, silent] = [rig.accept(), rig.accept()];
    asking.connection.receive('GET a\r\n');
    asking.connection.endPeer();
    silent.connection.endPeer();
    assert.equal(silent.phase, 'ended', 'it has asked nothing');
    assert.equal(rig.dials[1]?.isAbandoned, true);
    rig.dialOf(asking).connect();
    assert.equal(rig.upstreamOf(asking).written, 'GET a\r\n');
    assert.equal(rig.upstreamOf(asking).hasEnded, true);
    rig.upstreamOf(asking).receive('$1\r\n1\r\n');
    rig.upstreamOf(asking).endPeer();
    assert.equal(asking.line, '$1\r\n1\r\n');
    assert.equal(rig.reasonOf(asking), 'downstream');
  });

  it('is forgotten when its connection breaks, and its dial with it', () => {
    const rig = new RuntimeRig();
    const waiting = rig.accept();
    waiting.connection.breakOff();
    assert.equal(rig.reasonOf(waiting), 'downstream');
    rig.serve(1);
    const dialling = rig.accept();
    dialling.connection.receive('GET a\r\n');
    dialling.connection.breakOff();
    assert.equal(rig.reasonOf(dialling), 'downstream');
    assert.equal(rig.dials[0]?.isAbandoned, true);
  });

  it('is forgotten as soon as it would have to wait, where it ended its side while it was dialled for', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    const clients = [rig.accept(), rig.accept(), rig.accept()] as const;
    for (const { connection } of clients) {
      connection.receive('SET a 1\r\n');
      connection.endPeer();
    }
    rig.dialOf(clients[0]).fail();
    rig.serve(2, b);
    for (const client of clients) {
      assert.equal(rig.reasonOf(client), 'downstream');
      assert.equal(client.line, '');
    }
    assert.equal(rig.dials.length, 3, 'none of them is dialled for again');
    const retrying = rig.accept();
    rig.dialOf(retrying).fail();
    retrying.connection.receive('SET a 1\r\n');
    retrying.connection.endPeer();
    assert.equal(retrying.phase, 'ended');
  });

  it('takes no permit to wait from one that stays', () => {
    const rig = new RuntimeRig({ holdMax: 1 });
    rig.serve(1);
    const [ended, staying] = [rig.accept(), rig.accept()];
    ended.connection.receive('SET a 1\r\n');
    ended.connection.endPeer();
    rig.hold(2);
    assert.equal(rig.reasonOf(ended), 'downstream');
    assert.equal(staying.phase, 'waiting');
  });

  it('is looked for before a dial for one that has waited, as nobody may have noticed its end', () => {
    const rig = new RuntimeRig();
    const [left, kept] = [rig.accept(), rig.accept()];
    left.connection.endPeerUnnoticed();
    rig.serve(1);
    assert.deepEqual(rig.endpoints, [a]);
    assert.equal(rig.reported('steered')[0]?.released, 1);
    assert.equal(rig.reasonOf(left), 'downstream');
    rig.dialOf(kept).fail();
    kept.connection.endPeerUnnoticed();
    rig.pass(200);
    assert.equal(kept.phase, 'ended');
    assert.equal(rig.dials.length, 1);
  });

  it('is looked for however long the answer takes: nothing is dialled before, and nothing for one that moved on', () => {
    const rig = new RuntimeRig();
    const [left, kept, moved] = [rig.accept(), rig.accept(), rig.accept()];
    for (const { connection } of [left, kept, moved]) connection.answersAtOnce = false;
    rig.serve(1);
    assert.deepEqual([left.phase, kept.phase, rig.dials.length], ['dialling', 'dialling', 0]);
    left.connection.endPeerUnnoticed();
    left.connection.answerCheck();
    kept.connection.answerCheck();
    assert.equal(rig.reasonOf(left), 'downstream');
    assert.equal(rig.dialOf(kept).endpoint, a);
    rig.hold(2);
    moved.connection.answerCheck();
    assert.equal(moved.phase, 'waiting');
    assert.equal(rig.dials.length, 1);
  });

  it('may send on while it waits: nothing of that is read, and all of it is sent once it is attached', () => {
    const rig = new RuntimeRig();
    const client = rig.accept();
    client.connection.receive('SET a 1\r\n');
    client.connection.receive('SET b 2\r\n');
    assert.equal(client.connection.isPaused, true);
    rig.serve(1);
    const upstream = rig.dialOf(client).connect();
    assert.equal(upstream.written, 'SET a 1\r\nSET b 2\r\n');
  });
});

describe('a dial', () => {
  it('that failed is tried again after 100 ms, and at once under a new route', () => {
    const rig = new RuntimeRig();
    rig.serve(1);
    const client = rig.accept();
    rig.dialOf(client).fail();
    assert.equal(client.phase, 'retrying');
    rig.pass(99);
    assert.equal(rig.dials.length, 1);
    rig.pass(1);
    assert.equal(rig.dials.length, 2);
    rig.dialOf(client).fail();
    rig.serve(2, b);
    assert.deepEqual(rig.endpoints, [a, a, b]);
  });

  it('is given up at its deadline, and the client is refused at its own', () => {
    const rig = new RuntimeRig({ dialMs: 300, holdMs: 1000 });
    rig.serve(1);
    const client = rig.accept();
    rig.pass(300);
    assert.deepEqual(rig.reported('dial-failed')[0], {
      kind: 'dial-failed',
      generation: 1,
      endpoint: a,
      code: 'ETIMEDOUT',
      count: 1,
    });
    assert.equal(rig.dials[0]?.isAbandoned, true);
    rig.pass(699);
    assert.equal(client.line, '');
    rig.pass(1);
    assert.equal(client.line, said('the master of "mymaster" has not answered; waited 1000 ms'));
    assert.equal(rig.dials.length, 3, 'at 0, 400 and 800 ms');
    assert.equal(rig.pendingDials.length, 0);
    assert.deepEqual([rig.counters().open, rig.counters().held], [0, 0]);
  });

  it('that fails for want of a local port names this host, and not the master', () => {
    const rig = new RuntimeRig({ holdMs: 250 });
    rig.serve(1);
    const client = rig.accept();
    rig.dialOf(client).fail('EADDRNOTAVAIL');
    rig.pass(200);
    rig.dialOf(client).fail('EADDRNOTAVAIL');
    rig.pass(100);
    assert.equal(
      client.line,
      said(
        'cannot connect to the master of "mymaster": this host has no local port left for it (EADDRNOTAVAIL); waited 250 ms',
      ),
    );
  });

  it('speaks TLS as the limits said last, and plain where they say nothing', () => {
    const minVersion = 'TLSv1.2';
    const rig = new RuntimeRig({ upstreamTls: { servername: 'one', minVersion } });
    rig.serve(1);
    rig.accept();
    rig.limit({ upstreamTls: { servername: 'two', minVersion } });
    rig.accept();
    rig.limit({});
    rig.accept();
    assert.deepEqual(
      rig.dials.map(({ tls }) => tls?.servername),
      ['one', 'two', undefined],
    );
  });
});

describe('a client that waits', () => {
  for (const [state, prepare, line] of [
    [
      'held',
      (rig: RuntimeRig) => {
        rig.hold(1, 'the master is down');
      },
      'the master is down; waited 1000 ms',
    ],
    ['before any route', () => undefined, 'the master is not known yet; waited 1000 ms'],
  ] as const) {
    it(`reads why when its time is over: ${state}`, () => {
      const rig = new RuntimeRig();
      prepare(rig);
      const client = rig.accept();
      rig.pass(999);
      assert.equal(client.line, '');
      rig.pass(1);
      assert.equal(client.line, said(line));
      assert.equal(rig.counters().ended.refused, 1);
    });
  }

  it('has its time from admission on, whatever happens in between', () => {
    const rig = new RuntimeRig();
    const client = rig.accept();
    for (let generation = 1; generation < 9; generation += 1) {
      rig.pass(120);
      rig.serve(generation, generation % 2 ? a : b);
    }
    assert.notEqual(client.phase, 'ended');
    rig.pass(40);
    assert.equal(client.phase, 'ended');
  });

  it('is refused where as many wait already as may', () => {
    const rig = new RuntimeRig({ holdMax: 2 });
    rig.hold(1, 'no master');
    const [, , third] = [rig.accept(), rig.accept(), rig.accept()];
    assert.equal(third.line, said('2 connections are waiting already: no master'));
    assert.equal(rig.counters().held, 2);
  });

  it('is refused where as many wait already as may, also if it was dialled for before', () => {
    const rig = new RuntimeRig({ holdMax: 2 });
    rig.serve(1);
    const clients = [rig.accept(), rig.accept(), rig.accept(), rig.accept()];
    for (const client of clients) rig.dialOf(client).fail();
    assert.deepEqual(
      clients.map(({ phase }) => phase),
      ['retrying', 'retrying', 'ended', 'ended'],
    );

    const moved = new RuntimeRig({ holdMax: 2 });
    moved.serve(1);
    const dialling = [moved.accept(), moved.accept(), moved.accept()];
    moved.hold(2);
    assert.deepEqual(
      dialling.map(({ phase }) => phase),
      ['waiting', 'waiting', 'ended'],
    );
    assert.deepEqual(moved.reported('steered').at(-1), {
      kind: 'steered',
      generation: 2,
      cut: 0,
      held: 2,
      released: 0,
    });
  });
});

describe('limits', () => {
  it('count clients that wait too, and are given back at an end', () => {
    const rig = new RuntimeRig({ maxConnections: 2 });
    const first = rig.accept();
    rig.serve(1);
    rig.accept();
    assert.equal(rig.accept().line, said('the limit of 2 connections to "mymaster" is reached'));
    first.connection.endPeer();
    assert.notEqual(rig.accept().phase, 'ended');
  });

  it('hold for all tunnels together, and a refusal says that it is so', () => {
    const rig = new RuntimeRig();
    rig.permits.total.most = 3;
    rig.permits.total.take(); // a client of another tunnel
    rig.accept();
    const second = rig.accept();
    assert.equal(rig.accept().line, said('the limit of 3 connections of the whole tunnel is reached'));
    second.connection.endPeer();
    assert.notEqual(rig.accept().phase, 'ended');
    assert.deepEqual([taken(rig.permits.clients), taken(rig.permits.total)], [2, 3]);
  });

  it('may change: a dial under way has the new time, and deadlines stay in order', () => {
    const rig = new RuntimeRig({ dialMs: 1000, holdMs: 5000, maxConnections: 2 });
    const limits = { holdMs: 5000, holdMax: 10, maxConnections: 2, dialMs: 300 };
    rig.serve(1);
    rig.accept();
    rig.pass(100);
    rig.limit(limits);
    rig.accept();
    const abandoned = (): boolean[] => rig.dials.slice(0, 2).map(({ isAbandoned }) => isAbandoned);
    rig.pass(199);
    assert.deepEqual(abandoned(), [false, false]);
    rig.pass(1);
    assert.deepEqual(abandoned(), [true, false]);
    rig.pass(100);
    assert.deepEqual(abandoned(), [true, true]);
  });

  it('may change: whoever is in stays in, and who comes is held to the new ones', () => {
    const rig = new RuntimeRig({ maxConnections: 2 });
    rig.hold(1);
    const clients = [rig.accept(), rig.accept()];
    rig.limit({ maxConnections: 1, holdMax: 1 });
    assert.deepEqual(
      clients.map(({ phase }) => phase),
      ['waiting', 'waiting'],
    );
    assert.equal(rig.accept().line, said('the limit of 1 connections to "mymaster" is reached'));
    rig.limit({ maxConnections: 9, holdMax: 1 });
    assert.equal(rig.accept().line, said('1 connections are waiting already: a failover is going on'));
    rig.limit({ maxConnections: 9, holdMax: 3 });
    assert.equal(rig.accept().phase, 'waiting');
  });

  it('may change: clients that wait have the new time', () => {
    const rig = new RuntimeRig({ holdMs: 1000 });
    const client = rig.accept();
    rig.limit({ holdMs: 200 });
    rig.pass(199);
    assert.equal(client.phase, 'waiting');
    rig.pass(1);
    assert.equal(client.phase, 'ended');
  });
});

describe('nextDeadline()', () => {
  it('asks for no timer while nothing waits', () => {
    const rig = new RuntimeRig();
    assert.equal(rig.runtime.nextDeadline(), Infinity);
    rig.serve(1);
    const client = rig.accept();
    assert.equal(rig.runtime.nextDeadline(), rig.nowMs + 300);
    rig.dialOf(client).connect();
    assert.equal(rig.runtime.nextDeadline(), Infinity);
  });
});
