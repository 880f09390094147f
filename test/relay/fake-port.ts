import type { Endpoint } from '../../src/net/endpoint.ts';
import type { TunnelEvent, TunnelSpec } from '../../src/relay/core/engine.ts';
import { Gate } from '../../src/relay/core/gate.ts';
import { type GatePlaces, Places, unlimited } from '../../src/relay/core/places.ts';
import { Session } from '../../src/relay/core/session.ts';

export const a: Endpoint = { host: '10.0.0.1', port: 6379 };
export const b: Endpoint = { host: '10.0.0.2', port: 6379 };

export const spec: TunnelSpec = {
  name: 'mymaster',
  listen: [],
  holdMs: 1000,
  holdMax: 3,
  dialMs: 300,
  maxConnections: 5,
  idleMs: 0,
  tellSessions: false,
};

/** A gate with a clock that stands still, a port that only remembers what it was asked, and the events told. */
export class GateRig {
  nowMs = 10_000;
  readonly places: GatePlaces;
  readonly gate: Gate<Session>;
  readonly events: TunnelEvent[] = [];
  readonly dials: { readonly session: Session; readonly endpoint: Endpoint }[] = [];
  readonly abandoned: Session[] = [];
  readonly refused: { readonly session: Session; readonly line: string }[] = [];
  readonly finished: Session[] = [];
  readonly cut: Session[] = [];
  readonly sessions: Session[] = [];
  /** Whose clients have ended without a word of it so far. */
  readonly endedUnheard = new Set<Session>();
  isFlushed = true;

  constructor(changes: Partial<TunnelSpec> = {}) {
    const port = {
      dial: (session: Session, endpoint: Endpoint): void => {
        this.dials.push({ session, endpoint });
      },
      abandonDial: (session: Session): void => {
        this.abandoned.push(session);
      },
      refuse: (session: Session, line: string): void => {
        this.refused.push({ session, line });
      },
      hasClientEnded: (session: Session): boolean => this.endedUnheard.has(session),
      finish: (session: Session): void => {
        this.finished.push(session);
      },
      rest: (session: Session): void => {
        session.isResting = true;
      },
      wake: (session: Session): void => {
        session.isResting = false;
      },
      isFlushed: (): boolean => this.isFlushed,
      cut: (session: Session): void => {
        this.cut.push(session);
      },
    };
    const own = { ...spec, ...changes };
    this.places = {
      sessions: Places.of(own.maxConnections),
      waiting: Places.of(own.holdMax),
      whole: Places.of(unlimited),
    };
    this.gate = new Gate(
      own,
      this.places,
      port,
      (event) => {
        this.events.push(event);
      },
      () => this.nowMs,
    );
  }

  admit(): Session {
    const session = new Session(this.sessions.length + 1, this.nowMs);
    this.sessions.push(session);
    this.gate.admit(session);
    return session;
  }

  /** Admits one and lets its dial succeed. */
  relaying(): Session {
    const session = this.admit();
    if (!this.gate.dialled(session)) throw new Error(`It is ${session.phase.kind}`);
    return session;
  }

  serve(generation: number, endpoint = a): void {
    this.gate.steer({ kind: 'serve', generation, endpoint });
  }

  hold(generation: number, reason = 'a failover is going on'): void {
    this.gate.steer({ kind: 'hold', generation, reason });
  }

  refuse(generation: number, reason = 'nothing to serve'): void {
    this.gate.steer({ kind: 'refuse', generation, reason });
  }

  /** Lets time pass, ringing whenever the gate asked to be rung. */
  pass(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const dueMs = this.gate.nextDeadline();
      if (dueMs === undefined || dueMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, dueMs);
      this.gate.tick();
    }
    this.nowMs = untilMs;
  }

  told<K extends TunnelEvent['kind']>(kind: K): Extract<TunnelEvent, { kind: K }>[] {
    return this.events.filter((event): event is Extract<TunnelEvent, { kind: K }> => event.kind === kind);
  }

  refusalOf(session: Session): string | undefined {
    return this.refused.find((refusal) => refusal.session === session)?.line;
  }
}
