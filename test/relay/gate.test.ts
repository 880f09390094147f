import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { a, b, GateRig } from './fake-port.ts';

describe('the gate', () => {
  it('lets sessions wait until there is a route, then dials for all of them', () => {
    const rig = new GateRig();
    const [first, second] = [rig.admit(), rig.admit()];
    assert.deepEqual(rig.dials, []);
    assert.equal(rig.gate.counters().held, 2);
    rig.serve(1);
    assert.deepEqual(rig.dials, [
      { session: first, endpoint: a },
      { session: second, endpoint: a },
    ]);
    assert.deepEqual(rig.events, [{ kind: 'steered', generation: 1, cut: 0, held: 0, released: 2 }]);
    const { open, held } = rig.gate.counters();
    assert.deepEqual([open, held], [2, 0]);
  });

  it('ends a silent session, but nobody for what a standstill kept from being read', () => {
    const rig = new GateRig({ idleMs: 400 });
    rig.serve(1);
    const silent = rig.relaying();
    rig.nowMs += 1_000; // no tick meanwhile: the process stood still
    rig.gate.tick();
    assert.equal(silent.phase.kind, 'relaying');
    for (let look = 0; look < 4; look += 1) {
      rig.nowMs += 100;
      rig.gate.tick();
    }
    assert.deepEqual(silent.phase, { kind: 'ended', reason: 'idle' });
  });

  it('cuts relaying sessions of another generation, and only those', () => {
    const rig = new GateRig();
    rig.serve(1);
    const old = [rig.relaying(), rig.relaying()];
    rig.serve(2, b);
    assert.deepEqual(rig.cut, old);
    assert.deepEqual(
      old.map(({ phase }) => phase),
      old.map(() => ({ kind: 'ended', reason: 'evicted' })),
    );
    const young = rig.relaying();
    rig.serve(2, b);
    rig.hold(2);
    rig.refuse(2);
    assert.equal(young.phase.kind, 'relaying');
    assert.equal(rig.cut.length, 2);
    rig.hold(3);
    assert.equal(young.phase.kind, 'ended');
    assert.equal(rig.told('steered').at(-1)?.cut, 1);
  });

  it('forgets a client that ends its side while it waits, and keeps one that does so while it is dialled', () => {
    const rig = new GateRig({ holdMax: 2 });
    const [waiting, patient] = [rig.admit(), rig.admit()];
    rig.gate.clientEnded(waiting);
    assert.deepEqual(waiting.phase, { kind: 'ended', reason: 'downstream' });
    assert.deepEqual(rig.finished, [waiting]);
    assert.equal(rig.admit().phase.kind, 'waiting', 'its place is free');
    rig.serve(1);
    rig.gate.clientEnded(patient);
    assert.equal(rig.gate.dialled(patient), true);
  });

  it('forgets a client that ended its side while it was dialled as soon as it would have to wait', () => {
    const rig = new GateRig();
    rig.serve(1);
    const [failing, moved, refused] = [rig.admit(), rig.admit(), rig.admit()];
    for (const session of [failing, moved, refused]) rig.gate.clientEnded(session);
    rig.gate.dialFailed(failing, 'ECONNREFUSED');
    rig.serve(2, b);
    for (const session of [failing, moved, refused])
      assert.deepEqual(session.phase, { kind: 'ended', reason: 'downstream' });
    assert.deepEqual(rig.refused, []);
    const retrying = rig.admit();
    rig.gate.dialFailed(retrying, 'ECONNREFUSED');
    rig.gate.clientEnded(retrying);
    assert.equal(retrying.phase.kind, 'ended');
  });

  it('names this host, and not the master, where it has no local port left for a dial', () => {
    const rig = new GateRig({ holdMs: 250 });
    rig.serve(1);
    const session = rig.admit();
    rig.gate.dialFailed(session, 'EADDRNOTAVAIL');
    rig.pass(200);
    rig.gate.dialFailed(session, 'EADDRNOTAVAIL');
    rig.pass(100);
    assert.equal(
      rig.refusalOf(session),
      '-LOADING sentinel-tunnel: cannot connect to the master of "mymaster": this host has no local port left for it (EADDRNOTAVAIL); waited 250 ms\r\n',
    );
  });

  it('asks, before it dials for who has waited, whether the client has ended unheard', () => {
    const rig = new GateRig();
    const [left, kept] = [rig.admit(), rig.admit()];
    rig.endedUnheard.add(left);
    rig.serve(1);
    assert.deepEqual(rig.dials, [{ session: kept, endpoint: a }]);
    assert.equal(left.phase.kind, 'ended');
    rig.gate.dialFailed(kept, 'ECONNREFUSED');
    rig.endedUnheard.add(kept);
    rig.pass(200);
    assert.equal(kept.phase.kind, 'ended');
    assert.equal(rig.dials.length, 1);
  });

  it('keeps a client that ends its side while the server is merely asked whether it lives', () => {
    const rig = new GateRig();
    rig.serve(1);
    rig.gate.dropped(rig.relaying());
    const session = rig.admit();
    rig.gate.clientEnded(session);
    assert.equal(session.phase.kind, 'waiting');
    rig.gate.reassured([1]);
    assert.equal(session.phase.kind, 'dialling');
    const other = new GateRig();
    other.serve(1);
    other.gate.dropped(other.relaying());
    const gone = other.admit();
    other.gate.clientEnded(gone);
    other.hold(2);
    assert.equal(gone.phase.kind, 'ended');
  });

  it('abandons a dial under an old route and lets the session go on under the new one', () => {
    const rig = new GateRig();
    rig.serve(1);
    const session = rig.admit();
    rig.serve(2, b);
    assert.deepEqual(rig.abandoned, [session]);
    assert.deepEqual(rig.dials.at(-1), { session, endpoint: b });
    assert.equal(rig.gate.dialled(session), true);
    assert.deepEqual(session.phase, { kind: 'relaying', generation: 2, endpoint: b });
    assert.deepEqual(rig.cut, []);
  });

  it('does not want a dial that succeeds too late', () => {
    const rig = new GateRig();
    rig.serve(1);
    const session = rig.admit();
    rig.hold(2);
    assert.equal(rig.gate.dialled(session), false);
    assert.equal(session.phase.kind, 'waiting');
    rig.gate.dialFailed(session, 'ECONNREFUSED');
    assert.equal(session.phase.kind, 'waiting');
    assert.equal(rig.gate.counters().dialFailures, 0);
  });

  it('keeps a dial that is under way when the same route comes again', () => {
    const rig = new GateRig();
    rig.serve(1);
    const session = rig.admit();
    rig.serve(1);
    assert.deepEqual(rig.abandoned, []);
    assert.equal(rig.dials.length, 1);
    assert.equal(rig.gate.dialled(session), true);
  });

  it('tries a failed dial again after 100 ms, and at once under a new route', () => {
    const rig = new GateRig();
    rig.serve(1);
    const session = rig.admit();
    rig.gate.dialFailed(session, 'ECONNREFUSED');
    rig.pass(99);
    assert.equal(rig.dials.length, 1);
    rig.pass(1);
    assert.equal(rig.dials.length, 2);
    rig.gate.dialFailed(session, 'ECONNREFUSED');
    rig.serve(2, b);
    assert.deepEqual(rig.dials.at(-1), { session, endpoint: b });
  });

  it('takes new limits: a dial in progress gets the new time, and deadlines stay in order', () => {
    const rig = new GateRig({ dialMs: 1000, holdMs: 5000, maxConnections: 2 });
    const limits = { holdMs: 5000, holdMax: 10, maxConnections: 2, idleMs: 0, tellSessions: false };
    rig.serve(1);
    const first = rig.admit();
    rig.pass(100);
    rig.gate.adjust({ ...limits, dialMs: 300 });
    const second = rig.admit();
    rig.pass(199);
    assert.deepEqual(rig.abandoned, []);
    rig.pass(1);
    assert.deepEqual(rig.abandoned, [first]);
    rig.pass(100);
    assert.deepEqual(rig.abandoned, [first, second]);
    rig.gate.adjust({ ...limits, dialMs: 300, maxConnections: 1 });
    assert.equal(rig.gate.size, 2, 'who is in stays in');
    const third = rig.admit();
    assert.match(rig.refusalOf(third) ?? '', /the limit of 1 connections to "mymaster" is reached/);
  });

  it('gives up a dial at its deadline, and the session at its own', () => {
    const rig = new GateRig({ dialMs: 300, holdMs: 1000 });
    rig.serve(1);
    const session = rig.admit();
    rig.pass(300);
    assert.deepEqual(rig.told('dial-failed')[0], {
      kind: 'dial-failed',
      generation: 1,
      endpoint: a,
      code: 'ETIMEDOUT',
      count: 1,
    });
    assert.deepEqual(rig.abandoned, [session]);
    rig.pass(699);
    assert.equal(rig.refused.length, 0);
    rig.pass(1);
    assert.equal(
      rig.refusalOf(session),
      '-LOADING sentinel-tunnel: the master of "mymaster" has not answered; waited 1000 ms\r\n',
    );
    assert.equal(rig.dials.length, 3, 'at 0, 400 and 800 ms');
    assert.equal(rig.gate.size, 0);
  });

  for (const [state, prepare, line] of [
    [
      'held',
      (rig: GateRig) => {
        rig.hold(1, 'the master is down');
      },
      'the master is down; waited 1000 ms',
    ],
    ['before any route', () => undefined, 'the master is not known yet; waited 1000 ms'],
  ] as const) {
    it(`says why it waited when its time runs out: ${state}`, () => {
      const rig = new GateRig();
      prepare(rig);
      const session = rig.admit();
      rig.pass(1000);
      assert.equal(rig.refusalOf(session), `-LOADING sentinel-tunnel: ${line}\r\n`);
      assert.equal(rig.gate.counters().ended.refused, 1);
    });
  }

  it('counts the hold from admission, whatever happens in between', () => {
    const rig = new GateRig();
    const session = rig.admit();
    for (let generation = 1; generation < 9; generation += 1) {
      rig.pass(120);
      rig.serve(generation, generation % 2 ? a : b);
    }
    assert.notEqual(session.phase.kind, 'ended');
    rig.pass(40);
    assert.equal(session.phase.kind, 'ended');
  });

  it('refuses one more than may wait', () => {
    const rig = new GateRig({ holdMax: 2 });
    rig.hold(1, 'no master');
    const [, , third] = [rig.admit(), rig.admit(), rig.admit()];
    assert.equal(
      rig.refusalOf(third),
      '-LOADING sentinel-tunnel: 2 connections are waiting already: no master\r\n',
    );
    assert.equal(rig.gate.counters().held, 2);
  });

  it('refuses one more than may wait also where it dialled before', () => {
    const rig = new GateRig({ holdMax: 2 });
    rig.serve(1);
    const sessions = [rig.admit(), rig.admit(), rig.admit(), rig.admit()];
    for (const session of sessions) rig.gate.dialFailed(session, 'ECONNREFUSED');
    assert.deepEqual(
      sessions.map(({ phase }) => phase.kind),
      ['retrying', 'retrying', 'ended', 'ended'],
    );

    const moved = new GateRig({ holdMax: 2 });
    moved.serve(1);
    const dialling = [moved.admit(), moved.admit(), moved.admit()];
    moved.hold(2);
    assert.deepEqual(
      dialling.map(({ phase }) => phase.kind),
      ['waiting', 'waiting', 'ended'],
    );
    assert.deepEqual(moved.told('steered').at(-1), {
      kind: 'steered',
      generation: 2,
      cut: 0,
      held: 2,
      released: 0,
    });
  });

  it('refuses one more session than all tunnels together may have, and says that it is so', () => {
    const rig = new GateRig();
    rig.places.whole.most = 3;
    rig.places.whole.take(); // a session of another tunnel
    rig.admit();
    const second = rig.admit();
    assert.equal(
      rig.refusalOf(rig.admit()),
      '-LOADING sentinel-tunnel: the limit of 3 connections of the whole tunnel is reached\r\n',
    );
    rig.gate.ended(second, 'downstream');
    assert.notEqual(rig.admit().phase.kind, 'ended');
  });

  it('tells those who are turned away at the door once a second, and counts them as refused', () => {
    const rig = new GateRig();
    for (let count = 0; count < 5; count += 1) rig.gate.turnedAway(`10.0.0.${String(count)} is not allowed`);
    assert.deepEqual(rig.told('refused'), [{ kind: 'refused', reason: '10.0.0.0 is not allowed', count: 1 }]);
    rig.pass(1000);
    assert.deepEqual(rig.told('refused').slice(1), [
      { kind: 'refused', reason: '10.0.0.4 is not allowed', count: 4 },
    ]);
    const { admitted, ended } = rig.gate.counters();
    assert.deepEqual([admitted, ended.refused], [5, 5]);
  });

  it('refuses one more session than there may be, the waiting ones counted', () => {
    const rig = new GateRig({ maxConnections: 2 });
    const first = rig.admit();
    rig.serve(1);
    rig.admit();
    assert.equal(
      rig.refusalOf(rig.admit()),
      '-LOADING sentinel-tunnel: the limit of 2 connections to "mymaster" is reached\r\n',
    );
    rig.gate.ended(first, 'downstream');
    assert.notEqual(rig.admit().phase.kind, 'ended');
  });

  it('refuses what waits, dials and comes while there is nothing to serve', () => {
    const rig = new GateRig();
    rig.serve(1);
    const [dialling, retrying] = [rig.admit(), rig.admit()];
    rig.gate.dialFailed(retrying, 'ECONNREFUSED');
    rig.refuse(1, 'two\r\nlines');
    for (const session of [dialling, retrying, rig.admit()]) {
      assert.equal(rig.refusalOf(session), '-LOADING sentinel-tunnel: two lines\r\n');
    }
    assert.deepEqual(rig.abandoned, [dialling]);
  });

  it('refuses a client that replicates, in whatever phase, and cuts one that is in the middle of a reply', () => {
    const rig = new GateRig();
    rig.serve(1);
    const [relaying, dialling, reading] = [rig.relaying(), rig.admit(), rig.relaying()];
    for (const session of [relaying, dialling]) {
      rig.gate.replicates(session);
      assert.match(
        rig.refusalOf(session) ?? '',
        /^-DENIED sentinel-tunnel: this listener carries no replication/,
      );
    }
    assert.deepEqual(rig.abandoned, [relaying, dialling], 'nothing more goes to a server');
    rig.isFlushed = false;
    rig.gate.replicates(reading);
    assert.deepEqual(rig.cut, [reading]);
    assert.equal(rig.refusalOf(reading), undefined);
    for (const session of [relaying, dialling, reading])
      assert.deepEqual(session.phase, { kind: 'ended', reason: 'refused' });
    rig.gate.replicates(reading);
    rig.pass(100);
    const refusals = rig.told('refused').reduce((sum, { count }) => sum + count, 0);
    assert.equal(refusals, 3);
    assert.equal(rig.gate.size, 0);
  });

  it('drains: refuses what has not begun, leaves the rest', () => {
    const rig = new GateRig();
    rig.serve(1);
    const relaying = rig.relaying();
    const dialling = rig.admit();
    rig.gate.drain();
    assert.equal(rig.refusalOf(dialling), '-LOADING sentinel-tunnel: shutting down\r\n');
    assert.equal(rig.refusalOf(rig.admit()), '-LOADING sentinel-tunnel: shutting down\r\n');
    assert.equal(relaying.phase.kind, 'relaying');
    rig.gate.cutAll();
    assert.deepEqual(relaying.phase, { kind: 'ended', reason: 'drained' });
    assert.equal(rig.gate.size, 0);
  });

  it('cuts a half-closed session on which nothing moves for a minute, and blames who closed', () => {
    for (const by of ['downstream', 'upstream'] as const) {
      const rig = new GateRig();
      rig.serve(1);
      const session = rig.relaying();
      const whole = rig.relaying();
      rig.gate.halfClosed(session, by);
      rig.pass(59_999);
      session.downstreamBytes += 1;
      rig.pass(59_999);
      assert.equal(session.phase.kind, 'relaying', 'a byte has moved in the first minute');
      rig.pass(2);
      assert.deepEqual(session.phase, { kind: 'ended', reason: by });
      assert.deepEqual(rig.cut, [session]);
      assert.equal(whole.phase.kind, 'relaying');
    }
  });

  it('asks for no timer while nothing waits', () => {
    const rig = new GateRig();
    assert.equal(rig.gate.nextDeadline(), undefined);
    rig.serve(1);
    const session = rig.admit();
    assert.equal(rig.gate.nextDeadline(), rig.nowMs + 300);
    rig.gate.dialled(session);
    assert.equal(rig.gate.nextDeadline(), undefined);
  });

  it('tells the first failed dial at once and the rest of a burst together', () => {
    const rig = new GateRig();
    rig.serve(1);
    const sessions = [rig.admit(), rig.admit(), rig.admit()];
    for (const session of sessions) rig.gate.dialFailed(session, 'ECONNREFUSED');
    assert.deepEqual(
      rig.told('dial-failed').map(({ count }) => count),
      [1],
    );
    rig.pass(50);
    assert.deepEqual(
      rig.told('dial-failed').map(({ count }) => count),
      [1, 2],
    );
  });

  it('tells what it has kept when it is closed', () => {
    const rig = new GateRig();
    rig.refuse(1);
    rig.admit();
    rig.admit();
    rig.gate.cutAll();
    assert.deepEqual(
      rig.told('refused').map(({ count }) => count),
      [1, 1],
    );
  });

  it('tells a doubt at most once in 50 ms, and none of a session that has ended', () => {
    const rig = new GateRig();
    rig.serve(4);
    const session = rig.relaying();
    rig.gate.doubted(session, 'READONLY');
    rig.pass(49);
    rig.gate.doubted(session, 'READONLY');
    assert.equal(rig.told('doubt').length, 1);
    rig.pass(1);
    rig.gate.doubted(session, 'LOADING');
    assert.deepEqual(rig.told('doubt')[1], { kind: 'doubt', generation: 4, endpoint: a, word: 'LOADING' });
    rig.pass(50);
    rig.hold(5);
    rig.gate.doubted(session, 'LOADING');
    assert.equal(rig.told('doubt').length, 2);
  });

  it('ends a session once, however often it is told so', () => {
    const rig = new GateRig({ tellSessions: true });
    rig.serve(1);
    const session = rig.relaying();
    session.upstreamBytes = 7;
    session.downstreamBytes = 9;
    rig.pass(25);
    rig.gate.ended(session, 'upstream');
    rig.gate.ended(session, 'downstream');
    rig.gate.cutAll();
    assert.deepEqual(rig.told('session-ended'), [
      {
        kind: 'session-ended',
        session: 1,
        reason: 'upstream',
        upstreamBytes: 7,
        downstreamBytes: 9,
        lastedMs: 25,
      },
    ]);
    const { upstreamBytes, downstreamBytes, ended } = rig.gate.counters();
    assert.deepEqual([upstreamBytes, downstreamBytes, ended.upstream, ended.downstream], [7, 9, 1, 0]);
  });

  it('lets new sessions wait once the server has dropped one, until it has answered since', () => {
    const rig = new GateRig();
    rig.serve(1);
    const session = rig.relaying();
    const dialling = rig.admit();
    rig.gate.dropped(session);
    assert.deepEqual(rig.told('dropped'), [
      { kind: 'dropped', generation: 1, endpoint: a, session: session.id },
    ]);
    assert.deepEqual(rig.abandoned, [dialling]);
    const late = rig.admit();
    assert.deepEqual([dialling.phase.kind, late.phase.kind], ['waiting', 'waiting']);
    rig.gate.reassured([dialling.id]);
    assert.equal(late.phase.kind, 'waiting', 'that was asked before');
    rig.gate.reassured([session.id]);
    assert.deepEqual([dialling.phase.kind, late.phase.kind], ['dialling', 'dialling']);
  });

  it('does not ask a server that has just answered, and does after a while', () => {
    const rig = new GateRig();
    rig.serve(1);
    const sessions = [rig.relaying(), rig.relaying(), rig.relaying(), rig.relaying()] as const;
    rig.gate.dropped(sessions[0]);
    rig.gate.dropped(sessions[1]);
    rig.gate.reassured([sessions[0].id]);
    rig.pass(19);
    rig.gate.dropped(sessions[2]);
    assert.equal(rig.told('dropped').length, 1);
    assert.equal(rig.admit().phase.kind, 'dialling');
    rig.pass(1);
    rig.gate.dropped(sessions[3]);
    assert.equal(rig.told('dropped').length, 2);
  });

  it('dials after a drop when no answer comes at all', () => {
    const rig = new GateRig();
    rig.serve(1);
    rig.gate.dropped(rig.relaying());
    const session = rig.admit();
    rig.pass(599);
    assert.equal(session.phase.kind, 'waiting');
    rig.pass(1);
    assert.equal(session.phase.kind, 'dialling');
  });

  it('refuses nobody for a drop, and forgets it under a new route', () => {
    const rig = new GateRig({ holdMax: 1, maxConnections: 9 });
    rig.serve(1);
    rig.gate.dropped(rig.relaying());
    assert.deepEqual([rig.admit().phase.kind, rig.admit().phase.kind], ['waiting', 'dialling']);
    rig.serve(2, b);
    assert.equal(rig.admit().phase.kind, 'dialling');
    assert.deepEqual(rig.refused, []);
  });

  it('takes no drop for one that concerns a master that is left already', () => {
    const rig = new GateRig();
    rig.serve(1);
    const session = rig.relaying();
    rig.hold(1);
    rig.gate.dropped(session);
    rig.serve(2, b);
    rig.gate.dropped(session);
    assert.deepEqual(rig.told('dropped'), []);
  });
});
