import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { EventName } from '../../src/telemetry/events.ts';
import { Child, type Exit } from './child.ts';
import { eventually, patienceMs, type EventuallyOptions, type Found } from './eventually.ts';
import { RespClient } from './resp-client.ts';

export interface TunnelOptions {
  /** An object is written as JSON, a text as it is (YAML, or something wrong). */
  readonly config?: object | string;
  /** More arguments, after `run --config FILE --log-format json`. */
  readonly args?: readonly string[];
  /** The whole command line instead, from the configuration file's name. */
  readonly commandLine?: (configFile: string) => readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What to run instead of the compiled `main.js`. */
  readonly program?: readonly string[];
  /** Put before the command line, such as `['ip', 'netns', 'exec', 'a']`. */
  readonly prefix?: readonly string[];
  /** What `start` waits for; `spawned` for those who want to see it fail or write no JSON. */
  readonly until?: 'started' | 'spawned';
}

/** One line of its JSON log. */
export type LoggedEvent = Readonly<Record<string, unknown>> & { readonly event: EventName };

const main = fileURLToPath(new URL('../../src/main.js', import.meta.url));

/** The built program as a child of the test, its JSON log read as events. */
export class TunnelProcess implements AsyncDisposable {
  readonly dir: string;
  readonly configFile: string;
  readonly #events: LoggedEvent[];
  readonly #child: Child;

  static async start(options: TunnelOptions = {}): Promise<TunnelProcess> {
    const { config, args = [], until = 'started' } = options;
    const dir = await mkdtemp(join(tmpdir(), 'sentinel-tunnel-'));
    const configFile = join(dir, typeof config === 'string' ? 'config.yaml' : 'config.json');
    if (config !== undefined) {
      await writeFile(configFile, typeof config === 'string' ? config : JSON.stringify(config));
    }
    const fromFile = config === undefined ? [] : ['--config', configFile];
    const commandLine = options.commandLine?.(configFile) ?? [
      'run',
      ...fromFile,
      '--log-format',
      'json',
      ...args,
    ];
    const events: LoggedEvent[] = [];
    const program = options.program ?? [process.execPath, main];
    const child = await Child.spawn([...(options.prefix ?? []), ...program, ...commandLine], {
      name: 'sentinel-tunnel',
      reportLines: 80,
      cwd: dir,
      env: { ...cleanEnvironment(), ...withoutAdmin(config), ...options.env },
      onLine: (line) => {
        const event = parseEvent(line);
        if (event) events.push(event);
      },
    });
    const tunnel = new TunnelProcess(dir, configFile, child, events);
    if (until === 'spawned') return tunnel;
    try {
      await child.until(
        () => Promise.resolve(events.some(({ event }) => event === 'tunnel.started')),
        patienceMs,
      );
    } catch (error) {
      await tunnel[Symbol.asyncDispose]();
      throw error;
    }
    return tunnel;
  }

  private constructor(dir: string, configFile: string, child: Child, events: LoggedEvent[]) {
    this.dir = dir;
    this.configFile = configFile;
    this.#child = child;
    this.#events = events;
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Never rejects. */
  get exited(): Promise<Exit> {
    return this.#child.exited;
  }

  /** Undefined while it runs. */
  get exit(): Exit | undefined {
    return this.#child.exit;
  }

  /** What it has logged so far; with a name, only those events. */
  events(name?: EventName): readonly LoggedEvent[] {
    return name === undefined ? [...this.#events] : this.#events.filter(({ event }) => event === name);
  }

  /** The last lines of all its output. */
  log(): string {
    return this.#child.log();
  }

  /** The first event, also of the past, that is as wanted. */
  async waitFor(
    wanted: (event: LoggedEvent) => boolean,
    options?: EventuallyOptions,
  ): Promise<Found<LoggedEvent | undefined>> {
    return await eventually(() => {
      const found = this.#events.find(wanted);
      if (found || !this.exit) return found;
      throw new Error(`sentinel-tunnel ended (${this.exit.code ?? this.exit.signal})\n${this.log()}`);
    }, options);
  }

  /** The port on which it listens for a database; the first, when there are several. */
  port(database: string): number {
    const opened = this.events('listener.opened').find((event) => event['database'] === database);
    const port = Number(/:(\d+)$/.exec(String(opened?.['address']))?.[1]);
    if (!port) throw new Error(`No listener was opened for "${database}"\n${this.log()}`);
    return port;
  }

  /** The port of its admin listener. */
  get adminPort(): number {
    const port = Number(/:(\d+)$/.exec(String(this.events('admin.opened')[0]?.['address']))?.[1]);
    if (!port) throw new Error(`No admin listener was opened\n${this.log()}`);
    return port;
  }

  /** A raw client through it. */
  async connect(database: string): Promise<RespClient> {
    return await RespClient.connect(this.port(database));
  }

  /** Writes another configuration and sends SIGHUP; gives what was logged of it. */
  async reload(config: object | string): Promise<LoggedEvent> {
    const isOutcome = ({ event }: LoggedEvent): boolean =>
      event === 'config.reloaded' || event === 'config.reload-failed';
    const before = this.#events.filter(isOutcome).length;
    await writeFile(this.configFile, typeof config === 'string' ? config : JSON.stringify(config));
    this.signal('SIGHUP');
    return await this.waitFor(
      (event) => isOutcome(event) && this.#events.filter(isOutcome).indexOf(event) >= before,
    );
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.signal(signal);
  }

  /** SIGTERM, and how it ended. */
  async stop(): Promise<Exit> {
    this.signal('SIGTERM');
    return await this.#child.ended();
  }

  /** SIGSTOP and SIGCONT. */
  freeze(): void {
    this.signal('SIGSTOP');
  }

  thaw(): void {
    this.signal('SIGCONT');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.kill();
    await rm(this.dir, { recursive: true, force: true });
  }
}

/** Of the many that run at once only one could have the usual address of the admin listener. */
function withoutAdmin(config: TunnelOptions['config']): Readonly<Record<string, string>> {
  const isAsked = typeof config === 'object' && 'admin' in config;
  return isAsked || typeof config === 'string' ? {} : { SENTINEL_TUNNEL_ADMIN: 'off' };
}

/** Without what would steer the program, or make it believe that it is a test file of the runner. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('SENTINEL_TUNNEL_') && !name.startsWith('NODE_TEST_'),
  );
  return Object.fromEntries(kept);
}

function parseEvent(line: string): LoggedEvent | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const parsed: unknown = JSON.parse(line);
    return isEvent(parsed) ? parsed : undefined;
  } catch {
    return undefined; // half a line of a process that was killed
  }
}

function isEvent(parsed: unknown): parsed is LoggedEvent {
  return (
    typeof parsed === 'object' && parsed !== null && 'event' in parsed && typeof parsed.event === 'string'
  );
}
