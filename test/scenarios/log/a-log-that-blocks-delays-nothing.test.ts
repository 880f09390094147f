import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Status } from '../../../src/admin/status.ts';
import { Scope } from '../../../src/lifecycle/scope.ts';
import {
  ask,
  awaitSubscribed,
  cannotFillOutput,
  cannotFreezeDisks,
  configThrough,
  eventually,
  freePort,
  FrozenDisk,
  scenario,
  startCluster,
  TunnelProcess,
  withUnreadOutput,
  Writer,
  type Cluster,
  type OutputKind,
  type RedisProcess,
} from '../../support/index.ts';

const writers = 5;
/** Between two writes: all tunnels of an engine have their clients in this one process, in milliseconds. */
const pauseMs = 20;
const engines = ['streams', 'epoll', 'io_uring'] as const;
type Engine = (typeof engines)[number];
/** A tunnel that knows of a promotion by its own probes serves the next master in milliseconds; a blocked one never does. */
const mostUnservedMs = 3_000;

/** Where a tunnel writes its log, and nobody takes it. */
interface Outlet {
  readonly what: string;
  readonly cannot: string | false;
  readonly output?: OutputKind;
  /** The log file; standard output without it. */
  readonly file?: string;
  readonly isFrozenDisk?: true;
}

const outlets: readonly Outlet[] = [
  ...(['terminal', 'pipe', 'fifo'] as const).map((output) => ({
    ...{ what: `nobody reads the ${output} on standard output`, cannot: cannotFillOutput, output },
  })),
  {
    ...{ what: 'the log file is a terminal that nobody reads', cannot: cannotFillOutput },
    ...{ output: 'terminal', file: '/dev/stdout' },
  },
  {
    ...{ what: 'the disk of the log file is frozen', cannot: await cannotFreezeDisks() },
    isFrozenDisk: true,
  },
];

/** A tunnel with clients that write, and nobody who takes what it logs. */
class Blocked implements AsyncDisposable {
  readonly outlet: Outlet;
  readonly #tunnel: TunnelProcess;
  readonly #configured: object;
  readonly #admin: number;
  readonly #disk: FrozenDisk | undefined;
  readonly #file: string | undefined;
  readonly #writers: readonly Writer[];

  /** Returns when it serves, and each of its clients has written. */
  static async start(engine: Engine, outlet: Outlet, cluster: Cluster): Promise<Blocked> {
    const [port, admin] = [await freePort(), await freePort()];
    const disk = outlet.isFrozenDisk && (await FrozenDisk.make());
    const file = disk ? join(disk.folder, 'st.log') : outlet.file;
    const log = { level: 'debug', ...(file !== undefined && { file }) };
    const configured = configThrough(cluster, {
      database: { listen: port },
      config: { engine, admin: { listen: admin }, log },
    });
    const { output } = outlet;
    const tunnel = await TunnelProcess.start({
      config: configured,
      until: 'spawned',
      ...(output && { prefix: withUnreadOutput(output) }),
    });
    await eventually(async () => (await statusOf(admin))?.ready === true);
    const crowd = Array.from(
      { length: writers },
      (_, index) => new Writer(port, `${admin}-${index}`, pauseMs),
    );
    for (const writer of crowd) await writer.awaitAcknowledged(20);
    return new Blocked(outlet, { tunnel, configured, admin, disk, file, crowd });
  }

  private constructor(outlet: Outlet, parts: Parts) {
    this.outlet = outlet;
    this.#tunnel = parts.tunnel;
    this.#configured = parts.configured;
    this.#admin = parts.admin;
    this.#disk = parts.disk;
    this.#file = parts.file;
    this.#writers = parts.crowd;
  }

  /** Has it log more than may wait. */
  async block(): Promise<void> {
    await this.#disk?.freeze();
    await overflow(this.#tunnel, this.#configured, this.#admin);
  }

  async awaitServed(promotedMs: number): Promise<void> {
    for (const writer of this.#writers) await writer.awaitAcknowledged(20);
    assert.ok(performance.now() - promotedMs < mostUnservedMs);
    assert.equal((await ask(this.#admin, '/livez')).status, 200);
  }

  async assertNothingLost(promoted: RedisProcess): Promise<void> {
    const [tunnel, admin, disk] = [this.#tunnel, this.#admin, this.#disk];
    for (const writer of this.#writers) await writer.stop();
    for (const writer of this.#writers) {
      const members = await promoted.command('SMEMBERS', writer.key);
      assert.ok(Array.isArray(members));
      assert.deepEqual(writer.lost(members), []);
    }
    const { program } = await statusNow(admin);
    assert.equal(program.logTrouble, disk ? 'the disk took too long' : 'nobody read them');
    assert.ok(program.logDropped > 0);
    if (!disk || this.#file === undefined) {
      assert.deepEqual(await tunnel.stop(), { code: 0, signal: null });
      return;
    }
    await disk.thaw();
    await eventually(async () => (await statusNow(admin)).program.logTrouble === null);
    const { logDropped } = (await statusNow(admin)).program;
    assert.deepEqual(await tunnel.stop(), { code: 0, signal: null });
    assert.equal(droppedIn(await readFile(this.#file, 'utf8')), logDropped);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#writers.map((writer) => writer[Symbol.asyncDispose]()));
    await this.#tunnel[Symbol.asyncDispose]();
    await this.#disk?.[Symbol.asyncDispose]();
  }
}

interface Parts {
  readonly tunnel: TunnelProcess;
  readonly configured: object;
  readonly admin: number;
  readonly disk: FrozenDisk | undefined;
  readonly file: string | undefined;
  readonly crowd: readonly Writer[];
}

for (const engine of engines) {
  scenario(
    `${engine}: no write is lost in a failover while nothing can be logged`,
    { skip: await cannotRun(engine) },
    async (t) => {
      // One failover for all of them: each has a tunnel of its own.
      await using cluster = await startCluster();
      await using scope = new Scope();
      const blocked: Blocked[] = [];
      await Promise.all(
        outlets
          .filter(({ cannot }) => cannot === false)
          .map(async (outlet) => blocked.push(scope.use(await Blocked.start(engine, outlet, cluster)))),
      );
      await awaitSubscribed(cluster.sentinels);
      await Promise.all(blocked.map((each) => each.block()));
      await cluster.failover();
      const promoted = await cluster.awaitNewMaster(cluster.master);
      const promotedMs = performance.now();
      const served = await Promise.allSettled(blocked.map((each) => each.awaitServed(promotedMs)));
      for (const { what, cannot } of outlets)
        await t.test(what, { skip: cannot }, async () => {
          const index = blocked.findIndex(({ outlet }) => outlet.what === what);
          const result = served[index];
          if (result?.status === 'rejected') throw result.reason;
          await blocked[index]?.assertNothingLost(promoted);
        });
    },
  );
}

/** Makes it log more than may wait: each reload is refused with a long list of reasons. */
async function overflow(tunnel: TunnelProcess, configured: object, admin: number): Promise<void> {
  const unknown = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`unknown${index}`, 1]));
  await writeFile(tunnel.configFile, JSON.stringify({ ...configured, ...unknown }));
  await eventually(async () => {
    tunnel.signal('SIGHUP');
    return ((await statusOf(admin))?.program.logDropped ?? 0) > 0;
  });
}

function droppedIn(log: string): number {
  return log
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly event: string; readonly count: number })
    .filter(({ event }) => event === 'log.dropped')
    .reduce((sum, { count }) => sum + count, 0);
}

async function statusNow(admin: number): Promise<Status> {
  return (await ask(admin, '/status')).json() as Status;
}

/** `undefined` until somebody answers. */
async function statusOf(admin: number): Promise<Status | undefined> {
  return await statusNow(admin).catch(() => undefined);
}

async function cannotRun(engine: Engine): Promise<string | false> {
  if (engine === 'streams') return false;
  await using tunnel = await TunnelProcess.start({
    config: { sentinels: ['127.0.0.1:1'], databases: [{ name: 'm', listen: 0 }], engine },
    until: 'spawned',
  });
  await eventually(() => tunnel.exit !== undefined || tunnel.events('tunnel.started').length > 0);
  return tunnel.exit === undefined ? false : `the engine ${engine} cannot run here`;
}
