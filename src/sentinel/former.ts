import { sameEndpoint, type Endpoint } from '../net/endpoint.ts';

/** The latest of them are remembered; a group has seldom more servers. */
const mostFormer = 16;

/** Adds a server that may still take itself for master after it has been left. */
export function withFormer(former: readonly Endpoint[], endpoint: Endpoint): readonly Endpoint[] {
  return [...withoutFormer(former, endpoint), endpoint].slice(-mostFormer);
}

/** Without a server that has said since that it is a replica, or that a Sentinel has answered with. */
export function withoutFormer(former: readonly Endpoint[], endpoint: Endpoint): readonly Endpoint[] {
  return isFormer(former, endpoint) ? former.filter((each) => !sameEndpoint(each, endpoint)) : former;
}

export function isFormer(former: readonly Endpoint[], endpoint: Endpoint): boolean {
  return former.some((each) => sameEndpoint(each, endpoint));
}
