import { TunnelError } from '../../src/errors.ts';
import type { ListenerConfig } from '../../src/config/types.ts';
import { formatListenAddress, type ListenAddress } from '../../src/net/endpoint.ts';
import { Durations, type DurationsView } from '../../src/relay/core/durations.ts';
import type {
  Engine,
  EngineListener,
  EngineTunnel,
  Quiescence,
  Route,
  TunnelCounters,
  TunnelEvent,
  TunnelLimits,
  TunnelSpec,
} from '../../src/relay/core/engine.ts';

/** What a tunnel had its engine do, in the order in which it asked. */
export type Command =
  | { readonly kind: 'steer'; readonly route: Route }
  | { readonly kind: 'limits'; readonly limits: TunnelLimits }
  | { readonly kind: 'alive'; readonly sessions: readonly number[] }
  | { readonly kind: 'freeze'; readonly withinMs: number }
  | { readonly kind: 'evict' }
  | { readonly kind: 'drain' }
  | { readonly kind: 'close' };

/** An engine that carries nothing: it notes what it is told, and tells what a test wants. */
export class FakeEngine implements Engine {
  readonly name = 'streams';
  /** Every tunnel that was opened, in this order. */
  readonly opened: FakeEngineTunnel[] = [];
  /** An `open` lasts until this has settled. */
  opening: Promise<void> = Promise.resolve();
  /** The addresses that others listen on, as `host:port`; those of its own tunnels are taken too. */
  readonly taken = new Set<string>();

  async open(spec: TunnelSpec, tell: (event: TunnelEvent) => void): Promise<EngineTunnel> {
    const isTaken = (address: string): boolean =>
      this.taken.has(address) ||
      this.opened.some(({ listening }) => listening.some((each) => formatListenAddress(each) === address));
    const tunnel = new FakeEngineTunnel(spec, tell, isTaken);
    this.opened.push(tunnel);
    await this.opening;
    return tunnel;
  }

  /** The tunnel that was opened last for a database. */
  of(database: string): FakeEngineTunnel {
    const found = this.opened.findLast(({ spec }) => spec.name === database);
    if (!found) throw new Error(`No tunnel was opened for "${database}"`);
    return found;
  }

  alive(): Promise<readonly string[]> {
    return Promise.resolve([]);
  }

  lags(): readonly [] {
    return [];
  }

  limit(): void {
    // nobody connects
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** One tunnel of such an engine. */
export class FakeEngineTunnel implements EngineTunnel {
  readonly spec: TunnelSpec;
  readonly tell: (event: TunnelEvent) => void;
  readonly commands: Command[] = [];
  /** Called with each command, before it is carried out. */
  onCommand: (command: Command) => void = () => undefined;
  /** The listeners that are open, oldest first. */
  readonly listeners: FakeListener[] = [];
  /** The descriptors that it was given, by what they listen on. */
  readonly handed = new Map<string, number>();
  /** A `listen` lasts until this has settled. */
  binding: Promise<void> = Promise.resolve();
  /** A drain lasts until this has settled: until the last session has ended. */
  draining: Promise<void> = Promise.resolve();
  counted: TunnelCounters = {
    open: 0,
    held: 0,
    admitted: 0,
    ended: { downstream: 0, upstream: 0, evicted: 0, refused: 0, idle: 0, drained: 0 },
    dialFailures: 0,
    acceptErrors: 0,
    upstreamBytes: 0,
    downstreamBytes: 0,
  };
  readonly #isTaken: (address: string) => boolean;
  #nextPort = 40_000;

  constructor(spec: TunnelSpec, tell: (event: TunnelEvent) => void, isTaken: (address: string) => boolean) {
    this.spec = spec;
    this.tell = tell;
    this.#isTaken = isTaken;
  }

  /** The routes that it was told, oldest first. */
  get routes(): readonly Route[] {
    return this.commands.flatMap((command) => (command.kind === 'steer' ? [command.route] : []));
  }

  get isClosed(): boolean {
    return this.commands.some(({ kind }) => kind === 'close');
  }

  get listening(): readonly ListenAddress[] {
    return this.listeners.map(({ address }) => address);
  }

  async listen(config: ListenerConfig, handed?: number): Promise<EngineListener> {
    await this.binding;
    if (this.isClosed) throw new TunnelError('ST_CLOSED', 'The tunnel is closed');
    const wanted = formatListenAddress(config.address);
    if (this.#isTaken(wanted))
      throw new TunnelError('ST_LISTEN_FAILED', `Cannot listen on "${wanted}": the address is in use`);
    if (handed !== undefined) this.handed.set(wanted, handed);
    const { address } = config;
    const bound =
      address.kind === 'tcp' && address.port === 0 ? { ...address, port: this.#nextPort++ } : address;
    const listener = new FakeListener(bound, () => {
      this.listeners.splice(this.listeners.indexOf(listener), 1);
    });
    this.listeners.push(listener);
    return listener;
  }

  steer(route: Route): void {
    this.#note({ kind: 'steer', route });
  }

  adjust(limits: TunnelLimits): void {
    this.#note({ kind: 'limits', limits });
  }

  reassure(sessions: readonly number[]): void {
    this.#note({ kind: 'alive', sessions });
  }

  quiesce(withinMs: number): Promise<Quiescence> {
    this.#note({ kind: 'freeze', withinMs });
    return Promise.resolve({ resting: this.counted.open, busy: 0 });
  }

  evict(): Promise<number> {
    this.#note({ kind: 'evict' });
    return Promise.resolve(this.counted.open);
  }

  drain(): Promise<void> {
    this.#note({ kind: 'drain' });
    return this.draining;
  }

  close(): Promise<void> {
    this.#note({ kind: 'close' });
    this.listeners.length = 0;
    return Promise.resolve();
  }

  counters(): TunnelCounters {
    return this.counted;
  }

  durations(): DurationsView {
    return new Durations().view();
  }

  #note(command: Command): void {
    this.onCommand(command);
    this.commands.push(command);
  }
}

/** One listener of such a tunnel. */
export class FakeListener implements EngineListener {
  readonly address: ListenAddress;
  /** The configurations whose certificates it has taken over. */
  readonly renewed: ListenerConfig[] = [];
  readonly #closed: () => void;
  #isOpen = true;

  constructor(address: ListenAddress, closed: () => void) {
    this.address = address;
    this.#closed = closed;
  }

  renew(listener: ListenerConfig): void {
    this.renewed.push(listener);
  }

  close(): Promise<void> {
    if (this.#isOpen) this.#closed();
    this.#isOpen = false;
    return Promise.resolve();
  }
}
