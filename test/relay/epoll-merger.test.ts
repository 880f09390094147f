import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TunnelEvent } from '../../src/relay/core/engine.ts';
import { EventMerger } from '../../src/relay/epoll-merger.ts';

function merger(threads: number): { readonly merger: EventMerger; readonly reported: TunnelEvent[] } {
  const reported: TunnelEvent[] = [];
  return { merger: new EventMerger(threads, (event) => reported.push(event)), reported };
}

function steered(generation: number, cut: number): TunnelEvent {
  return { kind: 'steered', generation, cut, held: 1, released: 2 };
}

function hold(generation: number): Parameters<EventMerger['sent']>[0] {
  return { kind: 'steer', route: { kind: 'hold', generation, reason: 'a failover' } };
}

describe('EventMerger', () => {
  test('reports each steering when the last thread has carried it out, in order', () => {
    const { merger: merging, reported } = merger(2);
    merging.sent(hold(1));
    merging.sent(hold(2));
    merging.received(steered(1, 3), 0);
    merging.received(steered(2, 0), 0);
    assert.deepEqual(reported, []);
    merging.received(steered(1, 4), 1);
    assert.deepEqual(reported, [{ kind: 'steered', generation: 1, cut: 7, held: 2, released: 4 }]);
    merging.received(steered(2, 1), 1);
    assert.equal(reported.length, 2);
  });

  test('adds up what a freeze and an eviction did in each thread', () => {
    const { merger: merging, reported } = merger(2);
    merging.sent({ kind: 'freeze', withinMs: 10 });
    merging.sent({ kind: 'evict' });
    merging.received({ kind: 'evicted', cut: 2 }, 0);
    merging.received({ kind: 'frozen', answered: 1, unanswered: 2 }, 1);
    merging.received({ kind: 'evicted', cut: 3 }, 1);
    merging.received({ kind: 'frozen', answered: 4, unanswered: 0 }, 0);
    assert.deepEqual(reported, [
      { kind: 'evicted', cut: 5 },
      { kind: 'frozen', answered: 5, unanswered: 2 },
    ]);
  });

  test('reports the first byte of a generation once, and everything else as it comes', () => {
    const { merger: merging, reported } = merger(2);
    for (const thread of [0, 1]) {
      merging.received({ kind: 'first-byte', generation: 1 }, thread);
      merging.received({ kind: 'refused', reason: 'full', count: 1 }, thread);
    }
    merging.received({ kind: 'first-byte', generation: 2 }, 1);
    assert.deepEqual(
      reported.map(({ kind }) => kind),
      ['first-byte', 'refused', 'refused', 'first-byte'],
    );
  });

  test('does not wait for a thread that has ended, whatever was asked before or is asked after that', () => {
    const { merger: merging, reported } = merger(2);
    merging.sent({ kind: 'evict' });
    merging.received({ kind: 'evicted', cut: 1 }, 0);
    merging.threadEnded(1);
    assert.deepEqual(reported, [{ kind: 'evicted', cut: 1 }]);
    merging.sent({ kind: 'drain' });
    assert.equal(reported.length, 1);
    merging.received({ kind: 'drained' }, 0);
    assert.deepEqual(reported.at(-1), { kind: 'drained' });
    merging.threadEnded(0);
    merging.sent({ kind: 'close' });
    assert.deepEqual(reported.at(-1), { kind: 'closed' });
  });
});
