import { masterPort, type Relay, type Upstream } from './relay.ts';

/** No relay at all: what the others are measured against. */
export function startDirect(upstream: Upstream): Promise<Relay> {
  return Promise.resolve({
    name: 'direct',
    port: masterPort(upstream),
    pids: [],
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}
