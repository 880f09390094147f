import { unreachable } from '../lifecycle/unreachable.ts';
import type { Route } from '../relay/core/engine.ts';
import type { MasterView } from '../sentinel/decision/view.ts';

/** What the data plane is to do for a view. Pure. */
export function routeOf({ generation, phase }: MasterView): Route {
  switch (phase.kind) {
    case 'serving':
      return { kind: 'serve', generation, endpoint: phase.endpoint };
    case 'unknown':
    case 'fenced':
    case 'lost':
      return { kind: 'hold', generation, reason: phase.reason };
    case 'forbidden':
      return { kind: 'refuse', generation, reason: phase.reason };
    default:
      return unreachable(phase);
  }
}

/** Whether two routes ask the same of an engine, so that the second need not be said. */
export function sameRoute(a: Route, b: Route): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
