import type { Route } from '../relay/core/engine.ts';

/** That an operator lets the clients of a database wait. */
export interface HoldView {
  /** Wall clock, ISO 8601. */
  readonly since: string;
  /** When it ends by itself: wall clock, ISO 8601. */
  readonly until: string;
  readonly reason: string;
  /** How long each client waits before it is refused, in milliseconds. */
  readonly holdMs: number;
}

/** How long a hold stands unless it is said, in milliseconds: one that is forgotten is not to be for ever. */
export const usualHoldMs = 600_000;
/** The longest, in milliseconds. */
export const longestHoldMs = 86_400_000;

/**
 * Lets new clients wait, whatever is known of the master. Sessions that relay go on, and are cut by a fence or a move as
 * ever: the generation of a route stays that of the view.
 */
export class OperatorHold {
  readonly #holdMs: () => number;
  readonly #expired: () => void;
  #view: HoldView | undefined;
  #generation: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param holdMs how long each client may wait, in milliseconds
   * @param expired called when a hold has ended by itself
   */
  constructor(holdMs: () => number, expired: () => void) {
    this.#holdMs = holdMs;
    this.#expired = expired;
  }

  get view(): HoldView | undefined {
    return this.#view;
  }

  /**
   * Begins a hold, or begins it anew.
   *
   * @param generation the only one whose clients are to wait; of whatever generation they wait otherwise
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

  /** @returns whether there was one */
  end(): boolean {
    clearTimeout(this.#timer);
    const wasHeld = this.#view !== undefined;
    this.#view = undefined;
    return wasHeld;
  }

  /** The route that is to be taken instead of one that follows from the view. */
  over(route: Route): Route {
    if (!this.#view || route.kind === 'hold') return route;
    if (this.#generation !== undefined && this.#generation !== route.generation) return route;
    return { kind: 'hold', generation: route.generation, reason: this.#view.reason };
  }
}
