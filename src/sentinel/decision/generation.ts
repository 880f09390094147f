import type { Endpoint } from '../../net/endpoint.ts';
import type { Belief } from './belief.ts';
import type { Adopted } from './vote-order.ts';
import { isSameServer, type Servers } from './servers.ts';

/** At most this many deposed servers are remembered, the latest; a group seldom has more servers. */
const maxDeposed = 16;

/** Servers that may still say `master`, and what tells one server from another. */
export interface DeposedServers {
  readonly deposed: readonly Endpoint[];
  readonly servers: Servers;
}

/** Adds a server that may still say `master` after it was left. */
export function withDeposed(known: DeposedServers, endpoint: Endpoint): readonly Endpoint[] {
  return [...withoutDeposed(known, endpoint), endpoint].slice(-maxDeposed);
}

/** Removes a server that has said that it is a replica, or that a Sentinel names as the master. */
export function withoutDeposed(known: DeposedServers, endpoint: Endpoint): readonly Endpoint[] {
  const { deposed, servers } = known;
  return isDeposed(known, endpoint)
    ? deposed.filter((each) => !isSameServer(servers, each, endpoint))
    : deposed;
}

/** Whether a server may still say `master`. */
export function isDeposed({ deposed, servers }: DeposedServers, endpoint: Endpoint): boolean {
  return deposed.some((each) => isSameServer(servers, each, endpoint));
}

/** Begins a generation: connections of older ones are cut, and answers of older rounds are stale. */
export function newGeneration(belief: Belief): Belief {
  return {
    ...belief,
    generation: belief.generation + 1,
    round: belief.round + 1,
    role: undefined,
    hasServed: false,
  };
}

/** Moves to another master, under a new generation. */
export function moved(belief: Belief, adopted: Adopted): Belief {
  return { ...newGeneration(belief), adopted, ...rememberedOf(belief, adopted) };
}

/** @returns what is remembered of the present master when `next` takes its place */
export function rememberedOf(belief: Belief, next: Adopted): Pick<Belief, 'previous' | 'deposed'> {
  const { adopted, previous, servers, nowMs, rules } = belief;
  if (!adopted || isSameServer(servers, adopted.endpoint, next.endpoint)) {
    return { previous, deposed: withoutDeposed(belief, next.endpoint) };
  }
  const deposed = withDeposed(belief, adopted.endpoint);
  return {
    previous: { endpoint: adopted.endpoint, untilMs: nowMs + rules.confirmMs },
    deposed: withoutDeposed({ deposed, servers }, next.endpoint),
  };
}
