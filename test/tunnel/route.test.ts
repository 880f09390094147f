import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MasterView, Phase } from '../../src/sentinel/decision/view.ts';
import { routeOf, sameRoute } from '../../src/tunnel/route.ts';

const endpoint = { host: '127.0.0.1', port: 7001 };

function view(phase: Phase, generation = 3): MasterView {
  return {
    name: 'mymaster',
    generation,
    phase,
    epoch: 1,
    sentinels: { known: 3, answering: 3, agreeing: 3 },
    dissenting: [],
    strangers: [],
    degraded: [],
  };
}

test('routeOf() serves a served master, holds clients without one, and refuses only when forbidden', () => {
  const reason = 'because';
  assert.deepEqual(routeOf(view({ kind: 'serving', endpoint, standing: 'provisional' })), {
    kind: 'serve',
    generation: 3,
    endpoint,
  });
  for (const phase of [
    { kind: 'unknown', reason, isMissing: false },
    { kind: 'fenced', reason, candidate: endpoint },
    { kind: 'lost', reason, named: endpoint },
  ] as const) {
    assert.deepEqual(routeOf(view(phase)), { kind: 'hold', generation: 3, reason });
  }
  assert.deepEqual(routeOf(view({ kind: 'forbidden', reason })), { kind: 'refuse', generation: 3, reason });
});

test('sameRoute() ignores a confirmation, and not a generation', () => {
  const provisional = routeOf(view({ kind: 'serving', endpoint, standing: 'provisional' }));
  const confirmed = routeOf(view({ kind: 'serving', endpoint, standing: 'confirmed' }));
  assert.ok(sameRoute(provisional, confirmed));
  assert.ok(!sameRoute(confirmed, routeOf(view({ kind: 'serving', endpoint, standing: 'confirmed' }, 4))));
});
