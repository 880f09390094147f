import { startHaproxyRecipe } from '../peers/haproxy.ts';
import { originalBinary, startOriginal } from '../peers/original.ts';
import { ownBuild, type Build } from '../peers/build.ts';
import { startOurs } from '../peers/ours.ts';
import type { StartRelay } from '../peers/relay.ts';

export type WriterKind = 'through' | 'asking' | 'ioredis' | 'node-redis';

/** A way to reach the master: plain clients through a relay, or clients that speak to Sentinel themselves. */
export interface Contender {
  readonly title: string;
  readonly isOurs: boolean;
  readonly writers: WriterKind;
  readonly relay?: StartRelay;
  /** How long it takes to know the state of things after its start, in milliseconds. */
  readonly settleMs: number;
}

export const contenders: Readonly<Record<string, Contender>> = {
  ours: tunnel('Sentinel Tunnel', ownBuild),
  'ours-streams': {
    title: 'Sentinel Tunnel, streams',
    isOurs: true,
    writers: 'through',
    relay: (upstream) => startOurs(upstream, { engine: 'streams' }),
    settleMs: 0,
  },
  original: {
    title: 'sentinel_tunnel (Go)',
    isOurs: false,
    writers: 'through',
    relay: startOriginal,
    settleMs: 0,
  },
  asking: { title: 'client that asks Sentinel', isOurs: false, writers: 'asking', settleMs: 0 },
  ioredis: { title: 'ioredis, failoverDetector', isOurs: false, writers: 'ioredis', settleMs: 0 },
  'node-redis': { title: 'redis (node), createSentinel', isOurs: false, writers: 'node-redis', settleMs: 0 },
  haproxy: {
    title: 'HAProxy role:master',
    isOurs: false,
    writers: 'through',
    relay: (upstream) => startHaproxyRecipe(upstream, { shutdownSessions: false }),
    // Every server counts as up until its first check.
    settleMs: 1500,
  },
  'haproxy-cut': {
    title: 'HAProxy role:master, shutdown-sessions',
    isOurs: false,
    writers: 'through',
    relay: (upstream) => startHaproxyRecipe(upstream, { shutdownSessions: true }),
    settleMs: 1500,
  },
};

/** The tunnel of this build and that of the other one. */
export function contendersOf(other: Build): ReadonlyMap<string, Contender> {
  return new Map([
    ['ours', tunnel('Sentinel Tunnel', ownBuild)],
    ['other', tunnel('Sentinel Tunnel, other build', other)],
  ]);
}

function tunnel(title: string, build: Build): Contender {
  return {
    title,
    isOurs: true,
    writers: 'through',
    relay: (upstream) => startOurs(upstream, { engine: 'auto', build }),
    settleMs: 0,
  };
}

export function standardContenders(): string[] {
  const peers = ['asking', 'ioredis', 'node-redis', 'haproxy', 'haproxy-cut'];
  return ['ours', ...(originalBinary() === undefined ? [] : ['original']), ...peers];
}
