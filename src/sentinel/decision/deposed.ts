import type { Endpoint } from '../../net/endpoint.ts';
import { isSameServer, type Servers } from './servers.ts';

/** The latest of them are remembered; a group has seldom more servers. */
const mostFormer = 16;

/** Servers that may still take themselves for master, and what tells one server from another. */
export interface FormerMasters {
  readonly former: readonly Endpoint[];
  readonly servers: Servers;
}

/** Adds a server that may still take itself for master after it has been left. */
export function withFormer(known: FormerMasters, endpoint: Endpoint): readonly Endpoint[] {
  return [...withoutFormer(known, endpoint), endpoint].slice(-mostFormer);
}

/** Without a server that has said since that it is a replica, or that a Sentinel has answered with. */
export function withoutFormer(known: FormerMasters, endpoint: Endpoint): readonly Endpoint[] {
  const { former, servers } = known;
  return isFormer(known, endpoint) ? former.filter((each) => !isSameServer(servers, each, endpoint)) : former;
}

export function isFormer({ former, servers }: FormerMasters, endpoint: Endpoint): boolean {
  return former.some((each) => isSameServer(servers, each, endpoint));
}
