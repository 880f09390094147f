import process from 'node:process';
import { failoverMs } from './group.ts';
import { TunnelProcess, type TunnelOptions } from './tunnel-process.ts';

/** The engine that carries the bytes of every scenario: `ST_TEST_ENGINE`, so that all of them run on each. */
export const testEngine = process.env['ST_TEST_ENGINE'] ?? 'auto';

/** Sentinels and a master name: a cluster, or a group of one. */
export interface Source {
  readonly name: string;
  readonly seeds: readonly string[];
}

export interface ThroughOptions extends Omit<TunnelOptions, 'config'> {
  /** More keys of every database. */
  readonly database?: object;
  /** The databases to lead to instead of the source's own. */
  readonly names?: readonly string[];
  /** More keys of the configuration. */
  readonly config?: object;
}

/**
 * The configuration of tunnels to masters that these Sentinels watch, on ports that the kernel chooses. Clients are held as
 * long as a failover may take.
 */
export function configThrough({ name, seeds }: Source, options: ThroughOptions = {}): object {
  const { database = {}, names = [name], config = {} } = options;
  return {
    sentinels: seeds,
    databases: names.map((each) => ({ name: each, listen: 0, holdMs: failoverMs, ...database })),
    engine: testEngine,
    ...config,
  };
}

/** The built program in front of a source. It has started; see `awaitServing` for when it serves. */
export async function startThrough(source: Source, options: ThroughOptions = {}): Promise<TunnelProcess> {
  return await TunnelProcess.start({ ...options, config: configThrough(source, options) });
}

/** The same, and it serves the masters of all its databases. */
export async function serveThrough(source: Source, options: ThroughOptions = {}): Promise<TunnelProcess> {
  const tunnel = await startThrough(source, options);
  try {
    for (const name of options.names ?? [source.name]) await awaitServing(tunnel, name);
  } catch (error) {
    await tunnel[Symbol.asyncDispose]();
    throw error;
  }
  return tunnel;
}

/** Waits until a tunnel serves a database, at this port of Redis where one is given, as its latest word. */
export async function awaitServing(
  tunnel: TunnelProcess,
  database: string,
  port?: number,
  withinMs = failoverMs,
): Promise<void> {
  await tunnel.waitFor(
    (event) =>
      event === latestOf(tunnel, database) &&
      (event.event === 'master.serving' || event.event === 'master.confirmed') &&
      (port === undefined || String(event['endpoint']).endsWith(`:${port}`)),
    { withinMs },
  );
}

/** The last event that told how a database's master stands. */
function latestOf(tunnel: TunnelProcess, database: string): unknown {
  const phases = ['master.serving', 'master.confirmed', 'master.fenced', 'master.lost', 'master.unknown'];
  return tunnel.events().findLast((event) => event['database'] === database && phases.includes(event.event));
}
