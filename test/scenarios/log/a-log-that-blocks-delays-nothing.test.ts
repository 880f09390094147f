import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Status } from '../../../src/admin/status.ts';
import {
  ask,
  awaitSubscribed,
  cannotFillOutput,
  cannotFreezeDisks,
  configThrough,
  eventually,
  freePort,
  FrozenDisk,
  startCluster,
  TunnelProcess,
  withoutLeaks,
  withUnreadOutput,
  Writer,
  type OutputKind,
} from '../../support/index.ts';

const writers = 5;
const engines = ['streams', 'epoll', 'io_uring'] as const;
type Engine = (typeof engines)[number];
/** A tunnel that knows of a promotion by its own probes serves the next master in milliseconds; a blocked one never does. */
const mostUnservedMs = 3_000;

for (const engine of engines) {
  for (const kind of ['terminal', 'pipe', 'fifo'] as const) {
    test(
      `${engine}: no write is lost in a failover while nobody reads the ${kind} on standard output`,
      { skip: cannotFillOutput || (await cannotRun(engine)) },
      async () => {
        await withoutLeaks(async () => {
          await failOver(engine, kind, undefined);
        });
      },
    );
  }

  test(
    `${engine}: no write is lost in a failover while the log file is a terminal that nobody reads`,
    { skip: cannotFillOutput || (await cannotRun(engine)) },
    async () => {
      await withoutLeaks(async () => {
        await failOver(engine, 'terminal', '/dev/stdout');
      });
    },
  );

  test(
    `${engine}: no write is lost in a failover while the disk of the log file is frozen`,
    { skip: (await cannotFreezeDisks()) || (await cannotRun(engine)) },
    async () => {
      await withoutLeaks(async () => {
        await using disk = await FrozenDisk.make();
        await failOver(engine, undefined, join(disk.folder, 'st.log'), disk);
      });
    },
  );
}

/** @param disk is frozen for the failover, where there is one */
async function failOver(
  engine: Engine,
  output: OutputKind | undefined,
  file: string | undefined,
  disk?: FrozenDisk,
): Promise<void> {
  await using cluster = await startCluster();
  const [port, admin] = [await freePort(), await freePort()];
  const configured = configThrough(cluster, {
    database: { listen: port },
    config: {
      engine,
      admin: { listen: admin },
      log: { level: 'debug', ...(file !== undefined && { file }) },
    },
  });
  await using tunnel = await TunnelProcess.start({
    config: configured,
    until: 'spawned',
    ...(output && { prefix: withUnreadOutput(output) }),
  });
  await eventually(async () => (await statusOf(admin))?.ready === true);
  const crowd = Array.from({ length: writers }, (_, index) => new Writer(port, `w${index}`));
  try {
    for (const writer of crowd) await acknowledges(writer, 20);
    await awaitSubscribed(cluster.sentinels);
    await disk?.freeze();
    await overflow(tunnel, configured, admin);
    await cluster.failover();
    const promoted = await cluster.awaitNewMaster(cluster.master);
    const promotedMs = performance.now();
    for (const writer of crowd) await acknowledges(writer, 20);
    assert.ok(performance.now() - promotedMs < mostUnservedMs);
    assert.equal((await ask(admin, '/livez')).status, 200);
    for (const writer of crowd) await writer.stop();
    for (const writer of crowd) {
      const members = await promoted.command('SMEMBERS', writer.key);
      assert.ok(Array.isArray(members));
      assert.deepEqual(writer.lost(members), []);
    }
    const { program } = await statusNow(admin);
    assert.equal(program.logTrouble, disk ? 'the disk took too long' : 'nobody read them');
    assert.ok(program.logDropped > 0);
    if (!disk || file === undefined) {
      assert.deepEqual(await tunnel.stop(), { code: 0, signal: null });
      return;
    }
    await disk.thaw();
    await eventually(async () => (await statusNow(admin)).program.logTrouble === null);
    const { logDropped } = (await statusNow(admin)).program;
    assert.deepEqual(await tunnel.stop(), { code: 0, signal: null });
    assert.equal(droppedIn(await readFile(file, 'utf8')), logDropped);
  } finally {
    for (const writer of crowd) await writer[Symbol.asyncDispose]();
  }
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

async function acknowledges(writer: Writer, more: number): Promise<void> {
  const before = writer.acknowledged.length;
  await eventually(() => writer.acknowledged.length >= before + more);
}
