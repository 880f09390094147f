import { Permits, unlimited } from '../../../src/lifecycle/permits.ts';
import type { Endpoint } from '../../../src/net/endpoint.ts';
import type { TunnelPermits } from '../../../src/relay/core/admission.ts';
import { Client } from '../../../src/relay/core/client.ts';
import { Counters } from '../../../src/relay/core/counters.ts';
import { Durations } from '../../../src/relay/core/durations.ts';
import type {
  EndReason,
  TunnelCounters,
  TunnelEvent,
  TunnelLimits,
  TunnelSpec,
} from '../../../src/relay/core/engine.ts';
import { TunnelRuntime, type RuntimeOptions } from '../../../src/relay/core/runtime.ts';
import { createBytesFlow } from '../../../src/relay/flow/bytes.ts';
import type { CreateFlow } from '../../../src/relay/flow/flow.ts';
import { FakeConnection } from '../fake-connection.ts';
import { FakeDialler, type FakeDial } from '../fake-dialler.ts';

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
  reportsSessions: true,
};

/** A client of the rig, and what the runtime knows of it. */
export class RigClient {
  readonly connection: FakeConnection;
  readonly client: Client;

  constructor(connection: FakeConnection) {
    const [client] = connection.handlers;
    if (!(client instanceof Client)) throw new Error('It was not accepted');
    this.connection = connection;
    this.client = client;
  }

  get id(): number {
    return this.client.id;
  }

  /** What it waits for, where it waits. */
  get phase(): 'waiting' | 'dialling' | 'retrying' | 'attached' | 'ended' {
    const { state, upstream, retryMs } = this.client;
    if (state !== 'waiting') return state;
    if (upstream) return 'dialling';
    return retryMs === undefined ? 'waiting' : 'retrying';
  }

  /** What it could read. */
  get line(): string {
    return this.connection.written;
  }
}

/** A runtime with a clock that stands still, connections and dials that do what a test says, and the events that it reported. */
export class RuntimeRig {
  nowMs = 10_000;
  readonly permits: TunnelPermits;
  readonly dialler = new FakeDialler();
  readonly counted = new Counters();
  readonly durations = new Durations();
  readonly events: TunnelEvent[] = [];
  readonly clients: RigClient[] = [];
  readonly runtime: TunnelRuntime;

  constructor(
    changes: Partial<TunnelSpec> = {},
    createFlow: CreateFlow = createBytesFlow,
    numbers: Pick<RuntimeOptions, 'firstClient' | 'clientStep'> = {},
  ) {
    const own = { ...spec, ...changes };
    this.permits = {
      clients: Permits.of(own.maxConnections),
      waiting: Permits.of(own.holdMax),
      total: Permits.of(unlimited),
    };
    this.runtime = new TunnelRuntime({
      spec: own,
      permits: this.permits,
      dialler: this.dialler,
      createFlow,
      counters: this.counted,
      durations: this.durations,
      report: (event) => {
        this.events.push(event);
      },
      changed: () => undefined,
      now: () => this.nowMs,
      ...numbers,
    });
  }

  get dials(): readonly FakeDial[] {
    return this.dialler.dials;
  }

  /** The dials that were begun, by where they lead. */
  get endpoints(): readonly Endpoint[] {
    return this.dials.map(({ endpoint }) => endpoint);
  }

  /** The dials that are under way. */
  get pendingDials(): readonly FakeDial[] {
    return this.dials.filter(({ isUnderWay }) => isUnderWay);
  }

  accept(allowsReplication = false, answersAtOnce = true): RigClient {
    const connection = new FakeConnection();
    connection.answersAtOnce = answersAtOnce;
    this.runtime.accept(connection, allowsReplication);
    const client = new RigClient(connection);
    this.clients.push(client);
    return client;
  }

  /** Accepts a client and lets its dial succeed. */
  attached(): RigClient {
    const client = this.accept();
    this.dialOf(client).connect();
    return client;
  }

  /** The dial that was begun for a client last. */
  dialOf({ client }: RigClient): FakeDial {
    const dial = this.dials.findLast(({ handler }) => handler === client.upstream);
    if (!dial) throw new Error('It is not dialled for');
    return dial;
  }

  /** The connection to the server that a client is attached to. */
  upstreamOf(client: RigClient): FakeConnection {
    const { connection } = this.dialOf(client);
    if (!connection) throw new Error('It is not attached');
    return connection;
  }

  serve(generation: number, endpoint = a): void {
    this.runtime.apply({ kind: 'steer', route: { kind: 'serve', generation, endpoint } });
  }

  hold(generation: number, reason = 'a failover is going on'): void {
    this.runtime.apply({ kind: 'steer', route: { kind: 'hold', generation, reason } });
  }

  refuse(generation: number, reason = 'nothing to serve'): void {
    this.runtime.apply({ kind: 'steer', route: { kind: 'refuse', generation, reason } });
  }

  limit(limits: Partial<TunnelLimits>): void {
    this.runtime.apply({ kind: 'limits', limits: { ...spec, ...limits } });
  }

  trust(...clients: readonly RigClient[]): void {
    this.runtime.apply({ kind: 'trust', clients: clients.map(({ id }) => id) });
  }

  /** Lets time pass, and calls the runtime at each of its deadlines. */
  pass(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const dueMs = this.runtime.nextDeadline();
      if (dueMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, dueMs);
      this.runtime.tick();
    }
    this.nowMs = untilMs;
  }

  counters(): TunnelCounters {
    this.runtime.publish();
    return Counters.sum([this.counted]);
  }

  reported<K extends TunnelEvent['kind']>(kind: K): Extract<TunnelEvent, { kind: K }>[] {
    return this.events.filter((event): event is Extract<TunnelEvent, { kind: K }> => event.kind === kind);
  }

  /** Why a client has ended. */
  reasonOf({ id }: RigClient): EndReason | undefined {
    return this.reported('session-ended').find(({ session }) => session === id)?.reason;
  }
}

/** How many permits are taken. */
export function taken({ memory }: Permits): number | undefined {
  return new Int32Array(memory)[0];
}
