import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child, type Exit } from './child.ts';
import { patienceMs } from './eventually.ts';
import { freePort } from './free-port.ts';
import type { Issued } from './certificates.ts';
import { RespClient, type ClientTls } from './resp-client.ts';
import type { Argument, Reply } from './resp.ts';

export interface RedisOptions {
  /** More lines of its configuration file; they win over ours. */
  readonly config?: readonly string[];
  readonly sentinel?: boolean;
  readonly port?: number;
  readonly host?: string;
  /** `requirepass` and `masterauth`; `command()` uses it too. */
  readonly password?: string;
  /** Speaks TLS on its port, and nothing else; `command()` does too. */
  readonly tls?: RedisTls;
  /** Put before the command line, such as `['ip', 'netns', 'exec', 'a']`. */
  readonly prefix?: readonly string[];
}

/** Certificates of a server that speaks TLS, also to its replicas and to other Sentinels. */
export interface RedisTls {
  readonly caFile: string;
  readonly ca: string;
  readonly server: Issued;
  /** Whether whoever connects has to show a certificate. */
  readonly asksClients?: boolean;
}

/** A real redis-server or Sentinel with its own directory and port. Disposing kills it and removes the directory. */
export class RedisProcess implements AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly dir: string;
  readonly #options: RedisOptions;
  #child: Child;

  static async start(options: RedisOptions = {}): Promise<RedisProcess> {
    const host = options.host ?? '127.0.0.1';
    for (let tries = 1; ; tries++) {
      const port = options.port ?? (await freePort(host));
      const dir = await mkdtemp(join(tmpdir(), `redis-${port}-`));
      await writeFile(join(dir, 'redis.conf'), configuration(options, host, port, dir).join('\n') + '\n');
      try {
        return new RedisProcess(host, port, dir, options, await launch(options, host, port, dir));
      } catch (error) {
        await rm(dir, { recursive: true, force: true });
        // Another test file may have taken the port between the look and the bind.
        const lost = error instanceof Error && error.message.includes('Address already in use');
        if (!lost || options.port !== undefined || tries === 3) throw error;
      }
    }
  }

  private constructor(host: string, port: number, dir: string, options: RedisOptions, child: Child) {
    this.host = host;
    this.port = port;
    this.dir = dir;
    this.#options = options;
    this.#child = child;
  }

  get pid(): number {
    return this.#child.pid;
  }

  get isRunning(): boolean {
    return this.#child.exit === undefined;
  }

  /** Opens a connection for one command. @throws ReplyError when the reply is an error line */
  async command(...args: Argument[]): Promise<Reply> {
    await using client = await this.connect();
    return await client.command(...args);
  }

  /** A connection of its own, authenticated when the server has a password. */
  async connect(deadlineMs = patienceMs): Promise<RespClient> {
    const client = await RespClient.connect(this.port, {
      host: this.host,
      deadlineMs,
      ...tlsOf(this.#options),
    });
    try {
      if (this.#options.password !== undefined) await client.command('AUTH', this.#options.password);
    } catch (error) {
      await client.close();
      throw error;
    }
    return client;
  }

  /** `INFO`, or one section of it, as a map. */
  async info(section = 'default'): Promise<ReadonlyMap<string, string>> {
    const text = String(await this.command('INFO', section));
    const pairs = text.split('\r\n').filter((line) => line.includes(':'));
    return new Map(
      pairs.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
    );
  }

  /** `kill -9`, and waits until it is gone. */
  kill(): Promise<Exit> {
    return this.#child.kill();
  }

  /** SIGSTOP: the kernel still accepts connections for it, and nothing answers. */
  freeze(): void {
    this.#child.signal('SIGSTOP');
  }

  /** SIGCONT. */
  thaw(): void {
    this.#child.signal('SIGCONT');
  }

  /** Starts again with the same directory, port and configuration file as the process left it. */
  async restart(): Promise<void> {
    await this.kill();
    this.#child = await launch(this.#options, this.host, this.port, this.dir);
  }

  /** The last lines of its log. */
  log(): string {
    return this.#child.log();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.dir, { recursive: true, force: true });
  }
}

function configuration(options: RedisOptions, host: string, port: number, dir: string): string[] {
  const { config = [], password, sentinel = false, tls } = options;
  const ports = tls ? tlsLines(tls, port) : [`port ${port}`];
  const common = [...ports, `bind ${host}`, `dir ${dir}`, 'daemonize no', 'protected-mode no'];
  if (password !== undefined) common.push(`requirepass ${password}`);
  if (sentinel) return [...common, ...config];
  const server = [
    'save ""',
    'appendonly no',
    'repl-diskless-sync-delay 0', // the default is 5 s: a replica would wait that long for its first copy
    ...(password === undefined ? [] : [`masterauth ${password}`]),
  ];
  return [...common, ...server, ...config];
}

function tlsLines({ caFile, server, asksClients = false }: RedisTls, port: number): string[] {
  return [
    'port 0',
    `tls-port ${port}`,
    `tls-cert-file ${server.certFile}`,
    `tls-key-file ${server.keyFile}`,
    `tls-ca-cert-file ${caFile}`,
    `tls-auth-clients ${asksClients ? 'yes' : 'no'}`,
    'tls-replication yes',
  ];
}

function tlsOf({ tls }: RedisOptions): { readonly tls?: ClientTls } {
  if (!tls) return {};
  const { ca, server } = tls;
  return { tls: { ca, cert: server.cert, key: server.key } };
}

async function launch(options: RedisOptions, host: string, port: number, dir: string): Promise<Child> {
  const role = options.sentinel ? 'sentinel' : 'redis';
  const child = await Child.spawn(
    [
      ...(options.prefix ?? []),
      'redis-server',
      join(dir, 'redis.conf'),
      ...(options.sentinel ? ['--sentinel'] : []),
    ],
    { name: `${role} ${port}`, cwd: dir },
  );
  try {
    await child.until(() => answers(host, port, options), patienceMs);
  } catch (error) {
    await child.kill();
    throw error;
  }
  return child;
}

/** Any reply will do: a server that wants a password or is still loading is up. */
async function answers(host: string, port: number, options: RedisOptions): Promise<boolean> {
  try {
    await using client = await RespClient.connect(port, { host, deadlineMs: 5000, ...tlsOf(options) });
    client.write('PING\r\n');
    await client.readReply();
    return true;
  } catch {
    return false; // refused or silent: not yet
  }
}
