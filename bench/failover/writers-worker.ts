// The clients of one trial, in a thread of their own.
import { parentPort, workerData } from 'node:worker_threads';
import type { WriterKind } from './contenders.ts';
import { IoredisWriter } from './writers/ioredis.ts';
import { askSentinels, always } from './writers/locate.ts';
import type { Writer, WriterLog } from './writers/log.ts';
import { Newcomers } from './writers/newcomers.ts';
import { NodeRedisWriter } from './writers/node-redis.ts';
import { PlainWriter, type Locate } from './writers/plain.ts';

export interface WritersSpec {
  readonly kind: WriterKind;
  readonly clients: number;
  /** Of the relay, for those who go through one. */
  readonly port: number;
  readonly sentinelPorts: readonly number[];
  readonly name: string;
  readonly pauseMs: number;
}

export type ToWriters =
  | { readonly kind: 'newcomers' }
  /** Answer `reached` once every client has had a write acknowledged by the server on this port. */
  | { readonly kind: 'reach'; readonly port: number }
  | { readonly kind: 'stop' };

export type FromWriters =
  | { readonly kind: 'warm' }
  | { readonly kind: 'reached' }
  | { readonly kind: 'logs'; readonly clients: readonly WriterLog[]; readonly newcomers?: WriterLog };

// A refused client of a relay tries again after 1 ms. One that asks three Sentinels each time waits 10 ms, or the
// asking alone would starve the Sentinels.
const retryMs = { through: 1, asking: 10, ioredis: 10, 'node-redis': 10 } as const;

const spec = workerData as WritersSpec;
const writers = Array.from({ length: spec.clients }, (_, at) => start(`writer:${at}`));
let newcomers: Newcomers | undefined;
let watched: NodeJS.Timeout | undefined;

parentPort?.on('message', (message: ToWriters) => {
  switch (message.kind) {
    case 'newcomers': {
      const locate = locateOf();
      if (locate) newcomers = new Newcomers(locate);
      return;
    }
    case 'reach':
      newcomers?.promoted();
      once({ kind: 'reached' }, ({ log }) => log.acks.at(-1)?.port === message.port);
      return;
    case 'stop':
      finish();
      return;
  }
});
once({ kind: 'warm' }, ({ log }) => log.acks.length >= 20);

function start(key: string): Writer {
  const { kind, name, sentinelPorts, pauseMs } = spec;
  const options = { key, name, sentinelPorts, pauseMs, retryMs: retryMs[kind] };
  if (kind === 'ioredis') return new IoredisWriter(options);
  if (kind === 'node-redis') return new NodeRedisWriter(options);
  return new PlainWriter(key, locateOf() ?? always(spec.port), options);
}

function locateOf(): Locate | undefined {
  if (spec.kind === 'through') return always(spec.port);
  return spec.kind === 'asking' ? askSentinels(spec.sentinelPorts, spec.name) : undefined;
}

/** Tells once, when it holds for every client. */
function once(message: FromWriters, holds: (writer: Writer) => boolean): void {
  clearInterval(watched);
  watched = setInterval(() => {
    if (!writers.every(holds)) return;
    clearInterval(watched);
    tell(message);
  }, 10);
}

function finish(): void {
  clearInterval(watched);
  newcomers?.stop();
  for (const writer of writers) writer.stop();
  const clients = writers.map(({ log }) => log);
  tell({ kind: 'logs', clients, ...(newcomers && { newcomers: newcomers.log }) });
}

function tell(message: FromWriters): void {
  parentPort?.postMessage(message);
}
