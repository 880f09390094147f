import type { TunnelLimits } from './engine.ts';
import type { GatePlaces } from './places.ts';
import { tunnelIsFull, wholeIsFull } from './refusal.ts';
import type { Session } from './session.ts';

/** The places that the sessions of one gate take and give back, each at most once. */
export class Admission {
  readonly #name: string;
  readonly #places: GatePlaces;

  /** @param name of the tunnel, for people */
  constructor(name: string, places: GatePlaces) {
    this.#name = name;
    this.#places = places;
  }

  adjust({ maxConnections, holdMax }: Pick<TunnelLimits, 'maxConnections' | 'holdMax'>): void {
    this.#places.sessions.most = maxConnections;
    this.#places.waiting.most = holdMax;
  }

  /** Takes a place for a session, or says which limit is reached. */
  take(session: Session): string | undefined {
    const { sessions, whole } = this.#places;
    if (!sessions.take()) return tunnelIsFull(this.#name, sessions.most);
    if (!whole.take()) {
      sessions.give();
      return wholeIsFull(whole.most);
    }
    session.hasPlace = true;
    return undefined;
  }

  /** @returns whether the session may wait */
  takeWaiting(session: Session): boolean {
    session.hasWaitingPlace ||= this.#places.waiting.take();
    return session.hasWaitingPlace;
  }

  giveWaiting(session: Session): void {
    if (session.hasWaitingPlace) this.#places.waiting.give();
    session.hasWaitingPlace = false;
  }

  /** Gives back whatever a session has taken. */
  give(session: Session): void {
    this.giveWaiting(session);
    if (!session.hasPlace) return;
    this.#places.sessions.give();
    this.#places.whole.give();
    session.hasPlace = false;
  }
}
