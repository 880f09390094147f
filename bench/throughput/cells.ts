/** One kind of load. Ratios are ours ÷ HAProxy's in the same round; `undefined` where nothing is promised. */
export type Cell = CommandsCell | ConnectCell | LatencyCell;

export interface CommandsCell {
  readonly kind: 'commands';
  readonly name: string;
  readonly title: string;
  /** Commands measured one after the other. */
  readonly tests: readonly ('set' | 'get')[];
  readonly bytes: number;
  readonly clients: number;
  readonly pipeline: number;
  readonly target?: Target;
}

export interface ConnectCell {
  readonly kind: 'connect';
  readonly name: string;
  readonly title: string;
  readonly clients: number;
  readonly target?: Target;
}

export interface LatencyCell {
  readonly kind: 'latency';
  readonly name: string;
  readonly title: string;
  readonly bytes: number;
}

export interface Target {
  readonly cpuAtMost: number;
  readonly perSecondAtLeast: number;
}

const KiB = 1024;

export const cells: readonly Cell[] = [
  setGet('64B-c1', '64 B GET+SET, 1 client', 64, 1, { cpuAtMost: 0.9, perSecondAtLeast: 1 }),
  setGet('64B-c50', '64 B GET+SET, 50 clients', 64, 50, { cpuAtMost: 0.95, perSecondAtLeast: 1 }),
  setGet('64B-c500', '64 B GET+SET, 500 clients', 64, 500, { cpuAtMost: 0.8, perSecondAtLeast: 1 }),
  {
    kind: 'commands',
    name: '64B-c50-p16',
    title: '64 B GET, 50 clients, pipeline 16',
    tests: ['get'],
    bytes: 64,
    clients: 50,
    pipeline: 16,
    target: { cpuAtMost: 1, perSecondAtLeast: 1 },
  },
  setGet('16K-c1', '16 KiB GET+SET, 1 client', 16 * KiB, 1),
  setGet('16K-c50', '16 KiB GET+SET, 50 clients', 16 * KiB, 50, { cpuAtMost: 0.9, perSecondAtLeast: 1 }),
  setGet('16K-c500', '16 KiB GET+SET, 500 clients', 16 * KiB, 500),
  setGet('16K-c50-p16', '16 KiB GET+SET, 50 clients, pipeline 16', 16 * KiB, 50, undefined, 16),
  setGet('1M-c10', '1 MiB GET+SET, 10 clients', KiB * KiB, 10, { cpuAtMost: 0.8, perSecondAtLeast: 1.1 }),
  {
    kind: 'connect',
    name: 'connect',
    title: 'new connection + PING + close, 50 at a time',
    clients: 50,
    target: { cpuAtMost: 1, perSecondAtLeast: 1 },
  },
  { kind: 'latency', name: 'latency', title: '64 B GET, 1 client, blocking sockets', bytes: 64 },
];

function setGet(
  name: string,
  title: string,
  bytes: number,
  clients: number,
  target?: Target,
  pipeline = 1,
): CommandsCell {
  const cell = { kind: 'commands', name, title, tests: ['set', 'get'], bytes, clients, pipeline } as const;
  return target ? { ...cell, target } : cell;
}
