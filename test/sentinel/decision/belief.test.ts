import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isDeposed, withDeposed, withoutDeposed } from '../../../src/sentinel/decision/generation.ts';
import { noServers } from '../../../src/sentinel/decision/servers.ts';
import { Scene } from './scene.ts';

describe('a belief: the first address', () => {
  test('is served once ROLE says that its server is master', () => {
    const scene = new Scene();
    assert.equal(scene.now, 'unknown g0');
    assert.equal(scene.answers('M0', 'M0').now, 'unknown g1');
    assert.equal(scene.probed('M', 'master').now, 'serving M confirmed g1');
  });

  test('is not adopted from the first answer while others are awaited', () => {
    const scene = new Scene().answer('s1', 'M0');
    assert.equal(scene.now, 'unknown g0');
    assert.equal(scene.answers('-', 'X1', 'X1').probed('X', 'master').now, 'serving X confirmed g1');
  });

  test('is adopted from one answer where no other is awaited', () => {
    const scene = new Scene().answers('unreachable', 'M0', 'unknown').probed('M', 'master');
    assert.equal(scene.now, 'serving M confirmed g1');
    assert.deepEqual(scene.view().degraded, ['only 1 of 3 Sentinels answer']);
  });

  test('is served, but degraded, where ROLE is refused', () => {
    const scene = new Scene().answers('M', 'M', 'M').probed('M', 'noauth');
    assert.equal(scene.now, 'serving M confirmed g1');
    assert.deepEqual(scene.view().degraded, ['its role cannot be verified: NOAUTH']);
  });

  test('is not served while its server is a replica or silent, and is once it is master', () => {
    const scene = new Scene().answers('M0', 'M0', 'M0').probed('M', 'replica');
    assert.equal(scene.now, 'lost M g1');
    assert.equal(scene.probed('M', 'silent').now, 'lost M g1');
    assert.equal(scene.probed('M', 'master').now, 'serving M confirmed g1');
  });

  test('is missing with a reason', () => {
    const reason = (...answers: readonly string[]): string => {
      const { phase } = new Scene().answers(...answers).view();
      return phase.kind === 'unknown' ? phase.reason : phase.kind;
    };
    assert.equal(reason(), 'asking the Sentinels for "mymaster"');
    assert.equal(reason('unknown', 'unknown', 'unknown'), 'no Sentinel monitors "mymaster"');
    assert.match(
      reason('unreachable', 'unreachable', 'unreachable'),
      /^no Sentinel gives an answer \(s1: ECONNREFUSED/,
    );
    assert.match(
      reason('unknown', 'error', 'unknown'),
      /^no Sentinel that answers monitors "mymaster" \(s2: NOAUTH/,
    );
  });
});

describe('a belief: a move by answers', () => {
  test('follows one answer with a higher epoch, cuts, and serves after ROLE', () => {
    const scene = Scene.serving().answer('s2', 'X1');
    assert.equal(scene.now, 'fenced X g2');
    assert.equal(scene.probed('X', 'master').now, 'serving X confirmed g2');
  });

  test('happens once: the answers of the other Sentinels change nothing', () => {
    const scene = Scene.serving()
      .answer('s2', 'X1')
      .probed('X', 'master')
      .answers('X1', 'X1', 'X1')
      .answers('X1', 'X1', 'X1');
    assert.equal(scene.now, 'serving X confirmed g2');
  });

  test('does not go back with a Sentinel that restarted with an old configuration', () => {
    const scene = Scene.serving()
      .answers('X1', 'X1', 'X1')
      .probed('X', 'master')
      .answer('s3', 'M0')
      .pass(4000);
    assert.equal(scene.answer('s3', 'M0').now, 'serving X confirmed g2');
  });

  test('does not go back when only a stale minority answers', () => {
    const scene = Scene.serving().answers('X1', 'X1', 'X1').probed('X', 'master').pass(10_000);
    scene.answers('M0', 'unreachable', 'unreachable').pass(500);
    assert.equal(scene.now, 'serving X confirmed g2');
    assert.deepEqual(scene.view().degraded, ['only 1 of 3 Sentinels answer', 's1 names 127.0.0.1:7001']);
  });

  test('goes to a lower epoch only if a majority agrees unanimously', () => {
    const scene = Scene.serving({}, 'M7').answers('X0', 'M7', 'X0');
    assert.equal(scene.now, 'serving M confirmed g1');
    assert.equal(scene.answers('X0', 'X0', 'X0').probed('X', 'master').now, 'serving X confirmed g2');
  });

  test('without epochs does not go back while most Sentinels do not know of it yet', () => {
    const scene = Scene.serving({}, 'M').answers('X', 'X', '-').probed('X', 'master');
    assert.equal(scene.now, 'serving X confirmed g2');
    assert.equal(scene.answers('M', 'M', 'X').now, 'serving X confirmed g2');
  });

  test('without epochs is undone when a majority still names the old master', () => {
    const scene = Scene.serving({}, 'M').answers('X', 'X', 'M').probed('X', 'master').pass(2600);
    assert.equal(scene.answers('M', 'M', 'X').probed('M', 'master').now, 'serving M confirmed g3');
  });

  test('does not happen for an answer of an older round', () => {
    const scene = Scene.serving().answers('X1', 'X1', 'X1').probed('X', 'master');
    assert.equal(scene.answer('s2', 'Y2', 1).now, 'serving X confirmed g2');
    assert.equal(scene.answer('s2', 'Y2').now, 'fenced Y g3');
  });

  test('ignores a ROLE that was asked before it', () => {
    const scene = Scene.serving().answers('X1', '-', '-').probed('X', 'master', 1);
    assert.equal(scene.now, 'fenced X g2');
  });

  test('ignores the answer of a Sentinel that is not in the roster', () => {
    assert.equal(Scene.serving().answer('s9', 'X9').now, 'serving M confirmed g1');
    assert.equal(Scene.serving().rostered('s1', 's2').answer('s3', 'X9').now, 'serving M confirmed g1');
  });
});

describe('a belief: a fence', () => {
  test('cuts at the announcement, serves after ROLE, and is confirmed by the answer of the leader', () => {
    const scene = Scene.serving().promoting('s2', 'X');
    assert.equal(scene.now, 'fenced X g2');
    assert.equal(scene.probed('X', 'replica').now, 'fenced X g2');
    assert.equal(scene.probed('X', 'master').now, 'serving X provisional g2');
    assert.equal(scene.answers('M0', 'M0', 'M0').now, 'serving X provisional g2');
    assert.equal(scene.answer('s2', 'X1').now, 'serving X confirmed g2');
    assert.equal(scene.answers('X1', '-', 'X1').now, 'serving X confirmed g2');
  });

  test('is confirmed by any Sentinel with a higher epoch', () => {
    const scene = Scene.serving().promoting('s2', 'X').probed('X', 'master');
    assert.equal(scene.answer('s1', 'X1').now, 'serving X confirmed g2');
  });

  test('is not confirmed by one other Sentinel without a higher epoch', () => {
    const scene = Scene.serving().promoting('s2', 'X').probed('X', 'master');
    assert.equal(scene.answer('s1', 'X0').now, 'serving X provisional g2');
  });

  test('without epochs is confirmed by its announcer, and the others do not lead back', () => {
    const scene = Scene.serving({}, 'M')
      .promoting('s2', 'X')
      .probed('X', 'master')
      .answers('M', '-', 'M')
      .answer('s2', 'X');
    assert.equal(scene.now, 'serving X confirmed g2');
    assert.equal(scene.answers('M', 'X', 'M').now, 'serving X confirmed g2');
  });

  test('without epochs is confirmed by a majority', () => {
    const scene = Scene.serving({}, 'M').promoting('s2', 'X').probed('X', 'master');
    assert.equal(scene.answers('X', '-', '-').now, 'serving X provisional g2');
    assert.equal(scene.answers('-', '-', 'X').now, 'serving X confirmed g2');
  });

  test('is confirmed by an answer before ROLE has said anything', () => {
    const scene = Scene.serving().promoting('s2', 'X').answer('s2', 'X1');
    assert.equal(scene.now, 'fenced X g2');
    assert.equal(scene.probed('X', 'noauth').now, 'serving X confirmed g2');
  });

  test('is not lifted by answers that were asked before it', () => {
    const scene = Scene.serving().promoting('s2', 'X');
    assert.equal(scene.answer('s1', 'X1', 1).now, 'fenced X g2');
    assert.equal(scene.answer('s2', 'X1', 1).now, 'fenced X g2');
  });

  test('ignores the ROLE of another server, and one that was asked before it', () => {
    const scene = Scene.serving()
      .promoting('s2', 'X')
      .probed('M', 'master')
      .probed('Y', 'master')
      .probed('X', 'master', 1);
    assert.equal(scene.now, 'fenced X g2');
  });

  test('that is aborted waits for answers to new queries', () => {
    const scene = Scene.serving().promoting('s2', 'X').aborted('s2');
    assert.equal(scene.now, 'lost M g2');
    assert.equal(scene.answers('M0', 'M0').now, 'fenced M g2');
    assert.equal(scene.probed('M', 'master').now, 'serving M confirmed g2');
  });

  test('that is aborted after it has served cuts again', () => {
    const scene = Scene.serving().promoting('s2', 'X').probed('X', 'master').aborted('s2');
    assert.equal(scene.now, 'lost M g3');
    assert.equal(scene.answers('M0', 'M0', 'M0').probed('M', 'master').now, 'serving M confirmed g3');
  });

  test('is not aborted by another Sentinel, nor for another master', () => {
    const scene = Scene.serving().promoting('s2', 'X').aborted('s1').aborted('s2', 'other');
    assert.equal(scene.now, 'fenced X g2');
  });

  test('without a promotion ends after fenceMs', () => {
    const scene = Scene.serving().promoting('s2', 'X').pass(4999);
    assert.equal(scene.now, 'fenced X g2');
    assert.equal(scene.pass(1).now, 'lost M g2');
    assert.equal(scene.answers('M0', 'M0', 'M0').probed('M', 'master').now, 'serving M confirmed g2');
  });

  test('is not prolonged by repeated announcements', () => {
    const scene = Scene.serving().promoting('s2', 'X').pass(3000).promoting('s2', 'X').pass(1999);
    assert.equal(scene.now, 'fenced X g2');
    assert.equal(scene.pass(1).now, 'lost M g2');
  });

  test('is prolonged once, when the promotion is ordered', () => {
    const chosen = '+failover-state-send-slaveof-noone';
    const payload = 'slave x 127.0.0.1 7002 @ mymaster 127.0.0.1 7001';
    const scene = Scene.serving().published('s2', chosen, payload).pass(3000).promoting('s2', 'X').pass(4999);
    assert.equal(scene.now, 'fenced X g2');
    assert.equal(scene.pass(1).now, 'lost M g2');
  });

  test('that is not confirmed ends after confirmMs, and cuts', () => {
    const scene = Scene.serving().promoting('s2', 'X').probed('X', 'master').pass(2499);
    assert.equal(scene.now, 'serving X provisional g2');
    assert.equal(scene.pass(1).now, 'lost M g3');
  });

  test('whose provisional master dies is lost until it answers again, without cutting', () => {
    const scene = Scene.serving().promoting('s2', 'X').probed('X', 'master').probed('X', 'silent');
    assert.equal(scene.now, 'lost X g2');
    assert.match(
      JSON.stringify(scene.view().phase),
      /127\.0\.0\.1:7002 was announced by s2 and promoted, .* silent"/,
    );
    assert.equal(scene.probed('X', 'master').now, 'serving X provisional g2');
    assert.equal(scene.probed('X', 'silent').probed('X', 'noauth').now, 'serving X provisional g2');
  });

  test('whose provisional master is dead when it is confirmed is lost all the same', () => {
    const scene = Scene.serving().promoting('s2', 'X').probed('X', 'master').probed('X', 'silent');
    assert.equal(scene.answer('s2', 'X1').now, 'lost X g2');
    assert.match(
      JSON.stringify(scene.view().phase),
      /s2 names 127\.0\.0\.1:7002, which cannot be used: silent"/,
    );
    assert.equal(scene.probed('X', 'master').now, 'serving X confirmed g2');
  });

  test('whose provisional master is dead and not confirmed ends after confirmMs, and cuts', () => {
    const scene = Scene.serving().promoting('s2', 'X').probed('X', 'master').probed('X', 'silent').pass(2499);
    assert.equal(scene.now, 'lost X g2');
    assert.equal(scene.pass(1).now, 'lost M g3');
  });

  test('that has ended waits for more than one stale answer', () => {
    const scene = Scene.serving().promoting('s2', 'X').probed('X', 'master').pass(2500).answer('s1', 'M0');
    assert.equal(scene.now, 'lost M g3');
    assert.equal(scene.answers('-', 'X1', 'X1').probed('X', 'master').now, 'serving X confirmed g4');
  });

  test('that has ended ignores answers to queries from before', () => {
    const scene = Scene.serving()
      .promoting('s2', 'X')
      .answers('M0', 'M0', 'M0')
      .pass(10)
      .aborted('s2')
      .pass(10);
    assert.equal(scene.now, 'lost M g2');
  });

  test('ends when its candidate says that it is a replica again', () => {
    const scene = Scene.serving().promoting('s2', 'X').probed('X', 'master').probed('X', 'replica');
    assert.equal(scene.now, 'lost M g3');
  });

  test('whose announcer is lost while provisional stops serving until an answer confirms it', () => {
    const scene = Scene.serving().promoting('s2', 'X').probed('X', 'master').unlinked('s2');
    assert.equal(scene.now, 'fenced X g3');
    assert.equal(scene.probed('X', 'master').now, 'fenced X g3');
    assert.equal(scene.answers('M0', '-', 'M0').now, 'fenced X g3');
    assert.equal(scene.answer('s3', 'X1').probed('X', 'master').now, 'serving X confirmed g3');
  });

  test('whose announcer does not answer while provisional stops serving, even while subscribed', () => {
    const scene = Scene.serving().promoting('s2', 'X').probed('X', 'master');
    assert.equal(scene.answer('s1', 'unreachable').now, 'serving X provisional g2');
    assert.equal(scene.answer('s2', 'unreachable').now, 'fenced X g3');
  });

  test('whose announcer is lost is not served by ROLE alone', () => {
    const scene = Scene.serving().promoting('s2', 'X').unlinked('s2').probed('X', 'master');
    assert.equal(scene.now, 'fenced X g2');
    assert.match(
      JSON.stringify(scene.view().phase),
      /announced by s2; the subscription to that Sentinel has ended/,
    );
    assert.equal(scene.pass(5000).now, 'lost M g2');
  });

  test('goes on when its announcer is back and repeats the announcement', () => {
    const scene = Scene.serving()
      .promoting('s2', 'X')
      .unlinked('s2')
      .promoting('s2', 'X')
      .probed('X', 'master');
    assert.equal(scene.now, 'serving X provisional g2');
  });

  test('whose announcer leaves the roster counts as unsubscribed', () => {
    const scene = Scene.serving().promoting('s2', 'X').probed('X', 'master').rostered('s1', 's3');
    assert.equal(scene.now, 'fenced X g3');
  });

  test('is not affected by the loss of another Sentinel', () => {
    const scene = Scene.serving().promoting('s2', 'X').probed('X', 'master').unlinked('s1').unlinked('s3');
    assert.equal(scene.now, 'serving X provisional g2');
  });

  test('does not cut again when its announcement is repeated', () => {
    const scene = Scene.serving().promoting('s2', 'X').promoting('s2', 'X');
    assert.equal(scene.now, 'fenced X g2');
    assert.equal(scene.probed('X', 'master').promoting('s2', 'X').now, 'serving X provisional g2');
  });

  test('gives way to one with another candidate', () => {
    const scene = Scene.serving().promoting('s2', 'X').probed('X', 'master').promoting('s1', 'Y');
    assert.equal(scene.now, 'fenced Y g3');
    assert.equal(scene.probed('X', 'master').now, 'fenced Y g3');
  });

  test('that is contested by another Sentinel serves only after an answer', () => {
    const scene = Scene.serving().promoting('s2', 'X').probed('X', 'master').promoting('s1', 'Y');
    assert.equal(scene.probed('Y', 'replica').probed('Y', 'master').now, 'fenced Y g3');
    assert.match(
      JSON.stringify(scene.view().phase),
      /announced by s1; another Sentinel leads another failover/,
    );
    assert.equal(scene.answer('s2', 'X1').now, 'fenced X g4');
    assert.equal(scene.probed('X', 'master').now, 'serving X confirmed g4');
  });

  test('after an aborted one is served by ROLE again', () => {
    const scene = Scene.serving().promoting('s2', 'X').aborted('s2').promoting('s1', 'Y');
    assert.equal(scene.probed('Y', 'master').now, 'serving Y provisional g3');
  });

  test('gives way to a newer configuration with a third server', () => {
    const scene = Scene.serving().promoting('s2', 'X').probed('X', 'master').answer('s1', 'Y2');
    assert.equal(scene.now, 'fenced Y g3');
  });

  test('is not begun by an announcement about another master', () => {
    const other = Scene.serving().promoting('s2', 'X', 'M', 'other');
    assert.equal(other.now, 'serving M confirmed g1');
    const elsewhere = Scene.serving().promoting('s2', 'X', 'Y');
    assert.equal(elsewhere.now, 'serving M confirmed g1');
    const itself = Scene.serving().promoting('s2', 'M');
    assert.equal(itself.now, 'serving M confirmed g1');
    const stranger = Scene.serving().promoting('s9', 'X');
    assert.equal(stranger.now, 'serving M confirmed g1');
    const early = new Scene().promoting('s2', 'X');
    assert.equal(early.now, 'unknown g0');
  });

  test('is not begun by any other announcement', () => {
    const scene = Scene.serving();
    scene.published('s1', '+switch-master', 'mymaster 127.0.0.1 7001 127.0.0.1 7002');
    scene.published('s1', '+sdown', 'master mymaster 127.0.0.1 7001');
    scene.published('s1', '+selected-slave', 'slave x 127.0.0.1 7002 @ mymaster 127.0.0.1 7001');
    assert.equal(scene.now, 'serving M confirmed g1');
  });

  test('is not begun after the move that it announces', () => {
    const scene = Scene.serving().answers('X1', 'X1', 'X1').probed('X', 'master').promoting('s2', 'X');
    assert.equal(scene.now, 'serving X confirmed g2');
  });

  test('is not begun with failover: announced', () => {
    const scene = Scene.serving({ failover: 'announced' }).promoting('s2', 'X');
    assert.equal(scene.now, 'serving M confirmed g1');
    assert.equal(scene.answer('s2', 'X1').probed('X', 'master').now, 'serving X confirmed g2');
  });
});

describe('a belief: a deposed master as the candidate', () => {
  /** All Sentinels name X, and M, which it replaced, has not been seen as a replica. */
  function movedToX(): Scene {
    const scene = Scene.serving().promoting('s2', 'X').probed('X', 'replica').probed('X', 'master');
    scene.answers('X1', 'X1', 'X1').answers('X1', 'X1', 'X1');
    assert.equal(scene.now, 'serving X confirmed g2');
    return scene;
  }

  test('is not served by ROLE alone: it may still say master', () => {
    const scene = movedToX().promoting('s1', 'M', 'X').probed('M', 'master');
    assert.equal(scene.now, 'fenced M g3');
    assert.equal(scene.probed('M', 'noauth').probed('M', 'master').now, 'fenced M g3');
  });

  test('is served by ROLE once it has said that it is a replica', () => {
    const scene = movedToX().promoting('s1', 'M', 'X').probed('M', 'master').probed('M', 'replica');
    assert.equal(scene.now, 'fenced M g3');
    assert.equal(scene.probed('M', 'master').now, 'serving M provisional g3');
  });

  test('is served when a Sentinel answers with it', () => {
    const scene = movedToX().promoting('s1', 'M', 'X').probed('M', 'master').answer('s1', 'M2');
    assert.equal(scene.now, 'fenced M g3');
    assert.equal(scene.probed('M', 'master').now, 'serving M confirmed g3');
  });

  test('does not count as demoted by a ROLE that was asked before the fence', () => {
    const scene = movedToX().promoting('s1', 'M', 'X').probed('M', 'replica', 1).probed('M', 'master');
    assert.equal(scene.now, 'fenced M g3');
  });

  test('is remembered over several failovers, and after a move without a fence', () => {
    const scene = movedToX().answers('Y2', 'Y2', 'Y2').probed('Y', 'master').answers('Y2', 'Y2', 'Y2');
    assert.equal(scene.now, 'serving Y confirmed g3');
    assert.equal(scene.promoting('s1', 'M', 'Y').probed('M', 'master').now, 'fenced M g4');
    assert.equal(scene.promoting('s3', 'X', 'Y').probed('X', 'master').now, 'fenced X g5');
  });

  test('is also one that was provisional and abandoned', () => {
    const scene = Scene.serving().promoting('s2', 'X').probed('X', 'master').aborted('s2');
    scene.answers('M0', 'M0', 'M0').answers('M0', 'M0', 'M0').probed('M', 'master');
    assert.equal(scene.now, 'serving M confirmed g3');
    assert.equal(scene.promoting('s1', 'X').probed('X', 'master').now, 'fenced X g4');
    assert.equal(scene.probed('X', 'replica').probed('X', 'master').now, 'serving X provisional g4');
  });

  test('are remembered up to a limit, the latest ones', () => {
    const servers = noServers;
    let deposed: readonly { host: string; port: number }[] = [];
    for (let port = 1; port <= 100; port += 1)
      deposed = withDeposed({ deposed, servers }, { host: 'a', port });
    assert.equal(deposed.length, 16);
    assert.equal(deposed.at(-1)?.port, 100);
    const one = { host: 'a', port: 90 };
    assert.equal(withDeposed({ deposed, servers }, one).length, 16);
    assert.ok(!isDeposed({ deposed: withoutDeposed({ deposed, servers }, one), servers }, one));
  });
});

describe('a belief: a reload', () => {
  test('other Sentinels that agree change nothing, all at once and with `refuse` too', () => {
    const scene = Scene.serving({ onSentinelLoss: 'refuse' });
    scene.hear({ kind: 'seeds-added', sentinels: ['t1', 't2', 't3'] }).rostered('t1', 't2', 't3');
    assert.equal(scene.probed('M', 'master').now, 'serving M confirmed g1');
    assert.equal(scene.answer('t1', 'unreachable').now, 'serving M confirmed g1');
    assert.equal(scene.answer('t2', 'M0').answer('t3', 'M0').now, 'serving M confirmed g1');
    assert.deepEqual(scene.view().sentinels, { known: 3, answering: 2, agreeing: 2 });
  });

  test('`refuse` cuts once the new Sentinels have failed to answer, and does not before', () => {
    const scene = Scene.serving({ onSentinelLoss: 'refuse' });
    scene.hear({ kind: 'seeds-added', sentinels: ['t1', 't2'] }).rostered('t1', 't2');
    assert.equal(scene.answer('t1', 'unreachable').now, 'forbidden g2', 'one of two is no majority any more');
    scene.hear({ kind: 'seeds-added', sentinels: ['u1'] }).rostered('u1');
    assert.equal(scene.now, 'forbidden g2', 'a Sentinel that has not answered does not count');
    assert.equal(scene.answer('u1', 'M0').probed('M', 'master').now, 'serving M confirmed g2');
  });

  test('changed rules count at once, and a fence goes on', () => {
    const scene = Scene.serving().answers('M0', 'unreachable', 'unreachable');
    assert.equal(scene.now, 'serving M confirmed g1');
    scene.hear({ kind: 'rules-changed', rules: { ...scene.belief.rules, onSentinelLoss: 'refuse' } });
    assert.equal(scene.now, 'forbidden g2');
    const fenced = Scene.serving().promoting('s2', 'X');
    fenced.hear({ kind: 'rules-changed', rules: { ...fenced.belief.rules, failover: 'announced' } });
    assert.equal(fenced.now, 'fenced X g2');
    assert.equal(fenced.probed('X', 'master').now, 'serving X provisional g2');
  });
});

describe('a belief: the loss of Sentinels', () => {
  test('all of them lost while the master answers: it is served, degraded', () => {
    const scene = Scene.serving()
      .answers('unreachable', 'unreachable', 'unreachable')
      .pass(60_000)
      .probed('M', 'master');
    assert.equal(scene.now, 'serving M confirmed g1');
    assert.deepEqual(scene.view().degraded, ['no Sentinel answers']);
    assert.deepEqual(scene.view().sentinels, { known: 3, answering: 0, agreeing: 0 });
  });

  test('an old answer counts as none', () => {
    const scene = Scene.serving().pass(2999);
    assert.equal(scene.view().sentinels.answering, 3);
    assert.equal(scene.pass(1).view().sentinels.answering, 0);
  });

  test('none that monitors the name any more: it is served, degraded', () => {
    const scene = Scene.serving().answers('unknown', 'unknown', 'unknown');
    assert.equal(scene.now, 'serving M confirmed g1');
    assert.deepEqual(scene.view().degraded, ['no Sentinel monitors "mymaster" any more']);
  });

  test('`refuse` cuts when the majority is lost, and serves again under another generation', () => {
    const scene = Scene.serving({ onSentinelLoss: 'refuse' }).answers('unreachable', 'M0', 'M0');
    assert.equal(scene.now, 'serving M confirmed g1');
    assert.equal(scene.answers('-', 'unreachable', '-').now, 'forbidden g2');
    assert.equal(scene.probed('M', 'master').now, 'forbidden g2');
    assert.equal(scene.answers('-', 'M0', '-').now, 'serving M confirmed g2');
  });

  test('`refuse` counts an old answer as none', () => {
    const scene = Scene.serving({ onSentinelLoss: 'refuse' }).pass(3000);
    assert.equal(scene.now, 'forbidden g2');
  });

  test('`refuse` never begins to serve by a minority', () => {
    const scene = new Scene({ onSentinelLoss: 'refuse' })
      .answers('M0', 'unreachable', 'unreachable')
      .probed('M', 'master');
    assert.equal(scene.now, 'forbidden g1');
    assert.equal(scene.answers('M0', 'M0', '-').now, 'serving M confirmed g1');
  });

  test('`refuse` does not count Sentinels that monitor other masters only', () => {
    const scene = new Scene({ onSentinelLoss: 'refuse' })
      .answers('M0', 'unknown', 'unknown')
      .probed('M', 'master');
    assert.equal(scene.now, 'serving M confirmed g1');
  });

  test('all of them lost during a fence: clients wait, and the old master is not served', () => {
    const scene = Scene.serving()
      .promoting('s2', 'X')
      .unlinked('s2')
      .answers('unreachable', 'unreachable', 'unreachable');
    scene.pass(60_000).probed('M', 'master').probed('X', 'master');
    assert.equal(scene.now, 'lost M g2');
    assert.equal(scene.answers('X1', 'X1', 'X1').probed('X', 'master').now, 'serving X confirmed g3');
  });
});
