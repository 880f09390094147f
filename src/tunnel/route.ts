import { unreachable } from '../lifecycle/unreachable.ts';
import type { MasterView } from '../sentinel/decision/view.ts';
import type { Route } from '../relay/core/engine.ts';

/** @returns what the engine does for a view */
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

/** Whether two routes mean the same to an engine. */
export function sameRoute(a: Route, b: Route): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** A hold: an operator makes new clients of a database wait. */
export interface HoldView {
  /** Wall clock, ISO 8601. */
  readonly since: string;
  /** When it expires: wall clock, ISO 8601. */
  readonly until: string;
  readonly reason: string;
  /** How long each client waits before it is refused, in milliseconds. */
  readonly holdMs: number;
}

/** When a hold expires by default, in milliseconds, so that a forgotten one ends. */
export const usualHoldMs = 600_000;
/** The longest hold, in milliseconds. */
export const longestHoldMs = 86_400_000;

/**
 * Makes new clients wait although the master is known. Open sessions continue; a fence or a move still cuts them, because the
 * route keeps the generation of the view.
 */
export class OperatorHold {
  readonly #holdMs: () => number;
  readonly #expired: () => void;
  #view: HoldView | undefined;
  #generation: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param holdMs how long each client may wait, in milliseconds
   * @param expired called when a hold expires
   */
  constructor(holdMs: () => number, expired: () => void) {
    this.#holdMs = holdMs;
    this.#expired = expired;
  }

  get view(): HoldView | undefined {
    return this.#view;
  }

  /**
   * Begins a hold, or extends the present one.
   *
   * @param ms when it expires, in milliseconds from now
   * @param generation hold only clients of this generation; by default clients of every generation
   */
  begin(ms: number, reason: string, generation?: number): HoldView {
    clearTimeout(this.#timer);
    this.#generation = generation;
    const nowMs = Date.now();
    this.#view = Object.freeze({
      since: this.#view?.since ?? new Date(nowMs).toISOString(),
      until: new Date(nowMs + ms).toISOString(),
      reason,
      holdMs: this.#holdMs(),
    });
    this.#timer = setTimeout(() => {
      this.#view = undefined;
      this.#expired();
    }, ms);
    return this.#view;
  }

  /** Ends the hold. @returns whether there was one */
  end(): boolean {
    clearTimeout(this.#timer);
    const wasHeld = this.#view !== undefined;
    this.#view = undefined;
    return wasHeld;
  }

  /** @returns the route to use instead of the one that follows from the view */
  over(route: Route): Route {
    if (!this.#view || route.kind === 'hold') return route;
    if (this.#generation !== undefined && this.#generation !== route.generation) return route;
    return { kind: 'hold', generation: route.generation, reason: this.#view.reason };
  }
}
