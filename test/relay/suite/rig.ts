import assert from 'node:assert/strict';
import type {
  Engine,
  EngineName,
  TunnelCounters,
  TunnelEvent,
  TunnelSpec,
} from '../../../src/relay/core/engine.ts';
import { DrivenTunnel, type EventOf } from './driven-tunnel.ts';
import type { ListenerConfig } from '../../../src/config/types.ts';
import type { ListenAddress } from '../../../src/net/endpoint.ts';
import { eventually, eventuallyPasses, freePort, patienceMs } from '../../support/index.ts';
import { Secret } from '../../../src/net/secret.ts';
import { Peer, spokenTls } from './peer.ts';

export type OpenEngine = () => Engine | Promise<Engine>;

/** The engine that a suite is run for. */
export interface EngineUnderTest {
  readonly name: EngineName;
  readonly openEngine: OpenEngine;
  /** The address of a module that exports the same `openEngine`, for tests that need a process of their own. */
  readonly module: string;
}

/** A listener with nothing said of it but where it listens. */
export function listenerOn(address: ListenAddress): ListenerConfig {
  return { address, allow: [], allowReplication: false, mode: undefined, owner: undefined };
}

/** On a port that no outgoing connection can take while nobody listens there: it may be closed and opened again. */
export async function listenerOnFreePort(): Promise<ListenerConfig> {
  return listenerOn({ kind: 'tcp', host: '127.0.0.1', port: await freePort() });
}

export const loopback: ListenAddress = { kind: 'tcp', host: '127.0.0.1', port: 0 };

/**
 * A listener that reads nothing of what clients send: with the others a session enters the ring only when its first bytes have
 * shown that it is no replica's.
 */
export const unread: RigSpec = { listen: [{ address: loopback, allowReplication: true }] };

/** Its times are so long that none of them ends while a test waits, unless the test sets its own. */
export const defaultSpec: TunnelSpec = {
  name: 'mymaster',
  listen: [listenerOn(loopback)],
  holdMs: 2 * patienceMs,
  holdMax: 1024,
  dialMs: 2 * patienceMs,
  maxConnections: 10_000,
  idleMs: 0,
  reportsSessions: false,
};

/** What a test wants otherwise than usual; of a listener, its address may be all. */
type RigSpec = Partial<Omit<TunnelSpec, 'listen'>> & {
  readonly listen?: readonly (ListenAddress | (Partial<ListenerConfig> & Pick<ListenerConfig, 'address'>))[];
  /** Whether the server is said to have answered whenever it has dropped a session. It is, unless a test says so itself. */
  readonly isAnswering?: boolean;
};

/** TLS on both sides, where the suite is run with it. */
export function secured(spec: TunnelSpec): TunnelSpec {
  const tls = spokenTls();
  if (!tls) return spec;
  const { cert, key } = tls.server;
  const own = {
    identity: { cert, key: new Secret(key) },
    allowNames: [],
    minVersion: 'TLSv1.2',
  } as const;
  return {
    ...spec,
    needsTls: true,
    upstreamTls: { ca: tls.ca, minVersion: 'TLSv1.2' },
    listen: spec.listen.map((listener) => ({ ...listener, tls: own })),
  };
}

/** An engine with one tunnel, what it told, and the clients made here. */
export class Rig implements AsyncDisposable {
  readonly engine: Engine;
  readonly tunnel: DrivenTunnel;
  readonly events: TunnelEvent[];
  readonly #clients: Peer[] = [];

  static async open(
    { openEngine }: EngineUnderTest,
    { listen, isAnswering = true, ...spec }: RigSpec = {},
  ): Promise<Rig> {
    const engine = await openEngine();
    const events: TunnelEvent[] = [];
    try {
      const listeners = listen?.map((each) =>
        'address' in each ? { ...listenerOn(each.address), ...each } : listenerOn(each),
      );
      const tunnel: DrivenTunnel = await DrivenTunnel.open(
        engine,
        secured({ ...defaultSpec, ...spec, ...(listeners && { listen: listeners }) }),
        (event) => {
          events.push(event);
          // Not from within the report: nobody does that in the product either.
          if (event.kind === 'dropped' && isAnswering)
            queueMicrotask(() => {
              tunnel.trust([event.client]);
            });
        },
      );
      return new Rig(engine, tunnel, events);
    } catch (error) {
      await engine.close();
      throw error;
    }
  }

  private constructor(engine: Engine, tunnel: DrivenTunnel, events: TunnelEvent[]) {
    this.engine = engine;
    this.tunnel = tunnel;
    this.events = events;
  }

  get address(): ListenAddress {
    const [address] = this.tunnel.listening;
    assert.ok(address);
    return address;
  }

  async connect(onData?: (peer: Peer, chunk: Buffer) => void): Promise<Peer> {
    const client = await Peer.connect(this.address, onData);
    this.#clients.push(client);
    return client;
  }

  serve(port: number, generation = 1): void {
    this.tunnel.steer({ kind: 'serve', generation, endpoint: { host: '127.0.0.1', port } });
  }

  hold(generation = 1, reason = 'a failover is going on'): void {
    this.tunnel.steer({ kind: 'hold', generation, reason });
  }

  refuse(generation = 1, reason = 'no Sentinel knows the master'): void {
    this.tunnel.steer({ kind: 'refuse', generation, reason });
  }

  told<K extends TunnelEvent['kind']>(kind: K): EventOf<K>[] {
    return this.events.filter((event): event is EventOf<K> => event.kind === kind);
  }

  /** Waits for the `index`-th event of a kind. */
  event<K extends TunnelEvent['kind']>(kind: K, index = 0): Promise<EventOf<K>> {
    return eventually(() => this.told(kind)[index], { withinMs: patienceMs, everyMs: 2 });
  }

  /** Waits until counters show what is expected of them, and what was told before that has arrived. */
  async counts(expected: Partial<TunnelCounters>, withinMs = patienceMs): Promise<void> {
    await eventuallyPasses(
      () => {
        const counters = this.tunnel.counters();
        for (const [key, value] of Object.entries(expected)) {
          if (typeof value === 'number') assert.equal(counters[key as keyof TunnelCounters], value, key);
        }
      },
      { withinMs, everyMs: 2 },
    );
    await this.#hear();
  }

  /** Waits until that many sessions have ended for a reason, and what was told before that has arrived. */
  async endedBy(reason: keyof TunnelCounters['ended'], count: number, withinMs = patienceMs): Promise<void> {
    await eventuallyPasses(
      () => {
        assert.equal(this.tunnel.counters().ended[reason], count, reason);
      },
      { withinMs, everyMs: 2 },
    );
    await this.#hear();
  }

  /** Counters are read where an engine keeps them, while what it tells is still on its way: its answers come after that. */
  async #hear(): Promise<void> {
    await this.engine.alive(patienceMs);
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
    await this.tunnel.close();
    await this.engine.close();
    const { open, held, admitted, ended } = this.tunnel.counters();
    assert.equal(open, 0, 'no session is open after close');
    assert.equal(held, 0, 'no session waits after close');
    const sum = Object.values(ended).reduce((total, count) => total + count, 0);
    assert.equal(sum, admitted, 'every session admitted has ended once');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
