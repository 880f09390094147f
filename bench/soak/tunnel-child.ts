// The tunnel of the soak: a process of its own, so that what is measured is the tunnel alone.
import { readdirSync } from 'node:fs';
import process from 'node:process';
import { start } from '../../src/index.ts';
import type { Measured } from './measured.ts';

const configuration: unknown = JSON.parse(process.argv[2] ?? '');
const daemon = await start(configuration);
const [listener] = daemon.listening();
const { address } = listener ?? {};
send({ port: address !== undefined && 'port' in address ? address.port : 0 });

process.on('message', (question) => {
  if (question === 'measure') send(measure());
  if (question === 'stop') void stop();
});

async function stop(): Promise<void> {
  daemon.cut();
  await daemon.stop('end of the soak');
  process.disconnect();
}

function measure(): Measured {
  // Twice: what has a finalizer goes only with the second.
  gc();
  gc();
  const { heapUsed, external, rss } = process.memoryUsage();
  const resources: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1;
  const totals = daemon.counters().map(({ counters }) => counters);
  return {
    heapMiB: (heapUsed + external) / 1024 ** 2,
    residentMiB: rss / 1024 ** 2,
    descriptors: process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0,
    resources,
    sessions: totals.reduce((sum, { open, held }) => sum + open + held, 0),
    admitted: totals.reduce((sum, { admitted }) => sum + admitted, 0),
    stories: daemon.stories().length,
    generation: Math.max(...daemon.views().map(({ generation }) => generation)),
  };
}

function gc(): void {
  if (!globalThis.gc) throw new Error('Start this with --expose-gc');
  globalThis.gc();
}

function send(message: object): void {
  process.send?.(message);
}
