import { ADDRCONFIG, lookup } from 'node:dns';
import { platform } from 'node:os';
import { stat } from 'node:fs';

/** The addresses of a name in order of preference, at least one; or the code of the error. */
export type LookupResult = readonly string[] | string;

/** Limits the reply of a name server. */
const mostAddresses = 32;

/**
 * Resolves a name with getaddrinfo(3), so hosts file, search domains and `nsswitch.conf` apply. Occupies a thread of libuv's pool until
 * it answers, which takes 10 s and more if a name server is silent.
 */
export function lookUp(name: string, answer: (found: LookupResult) => void): void {
  // "localhost" needs no name server, and has both addresses even if IPv6 reaches only this machine.
  const hints = platform() === 'win32' || name === 'localhost' ? 0 : ADDRCONFIG;
  ask(name, hints, (found) => {
    // A name may have only addresses of a family that this host has no global address of.
    if (found === 'ENOTFOUND' && hints !== 0) ask(name, 0, answer);
    else answer(found);
  });
}

function ask(name: string, hints: number, answer: (found: LookupResult) => void): void {
  try {
    lookup(name, { all: true, verbatim: true, hints }, (error, addresses) => {
      if (error) answer(error.code ?? 'ENOTFOUND');
      else if (addresses.length === 0) answer('ENOTFOUND');
      else answer(addresses.slice(0, mostAddresses).map(({ address }) => address));
    });
  } catch {
    answer('ENOTFOUND'); // Node rejects some texts as names
  }
}

/** The message that asks the process for a name lookup. */
export interface LookupRequest {
  readonly name: string;
}

/** The message of that process when it is ready. */
const ready = 'ready';

/** Runs the process for name lookups: answers the requests of its parent, and ends with it. */
export function runNamesChild(self: NodeJS.Process): void {
  self.title = 'sentinel-tunnel: names';
  // A terminal and systemd signal the whole group, but a draining tunnel still resolves names and ends this process itself.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) self.on(signal, () => undefined);
  // A normal exit would wait for threads in a lookup, as long as a name server is silent.
  self.on('disconnect', () => self.kill(self.pid, 'SIGKILL'));
  self.on('message', ({ name }: LookupRequest) => {
    lookUp(name, (found) => self.send?.({ name, found }));
  });
  // The first use of a thread starts all of them, or ends the process if they are too many.
  stat(self.execPath, () => self.send?.(ready));
}
