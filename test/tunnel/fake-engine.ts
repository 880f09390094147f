import { TunnelError } from '../../src/errors.ts';
import type { ListenerConfig } from '../../src/config/types.ts';
import { formatListenAddress, type ListenAddress } from '../../src/net/endpoint.ts';
import { Durations, type DurationsView } from '../../src/relay/core/durations.ts';
import type {
  Engine,
  EngineListener,
  EngineTunnel,
  Route,
  TunnelCommand,
  TunnelCounters,
  TunnelEvent,
  TunnelSpec,
} from '../../src/relay/core/engine.ts';

/** An engine without I/O: it records its commands and emits the events that a test wants. */
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
  readonly commands: TunnelCommand[] = [];
  /** Called with each command, before it is carried out. */
  onCommand: (command: TunnelCommand) => void = () => undefined;
  /** The listeners that are open, oldest first. */
  readonly listeners: FakeListener[] = [];
  /** The descriptors that it received, by what they listen on. */
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

  /** The routes that it received, oldest first. */
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

  apply(command: TunnelCommand): void {
    this.onCommand(command);
    this.commands.push(command);
    switch (command.kind) {
      case 'freeze':
        this.tell({ kind: 'frozen', answered: this.counted.open, unanswered: 0 });
        break;
      case 'evict':
        this.tell({ kind: 'evicted', cut: this.counted.open });
        break;
      case 'drain':
        void this.draining.then(() => {
          this.tell({ kind: 'drained' });
        });
        break;
      case 'close':
        this.listeners.length = 0;
        this.tell({ kind: 'closed' });
        break;
      default:
    }
  }

  counters(): TunnelCounters {
    return this.counted;
  }

  durations(): DurationsView {
    return new Durations().view();
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
