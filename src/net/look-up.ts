import { ADDRCONFIG, lookup } from 'node:dns';
import { platform } from 'node:os';
import { stat } from 'node:fs';

/** The addresses of a name in the order in which they are tried, at least one; or the code of the error. */
export type LookupResult = readonly string[] | string;

/** What a name server says is not trusted to be short. */
const mostAddresses = 32;

/**
 * Looks a name up by getaddrinfo(3): hosts file, search domains and `nsswitch.conf` included. It blocks a thread of
 * libuv's pool until there is an answer, for 10 seconds and more where a name server is silent.
 */
export function lookUp(name: string, answer: (found: LookupResult) => void): void {
  // "localhost" is asked of no name server, and has both addresses also where IPv6 leads no further than this machine.
  const hints = platform() === 'win32' || name === 'localhost' ? 0 : ADDRCONFIG;
  ask(name, hints, (found) => {
    // A name may have only an address of a family that has no other use here.
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
    answer('ENOTFOUND'); // Node does not take every text for a name
  }
}

/** What the process that looks names up is asked. */
export interface LookupRequest {
  readonly name: string;
}

/** How a process tells that it can be asked. */
const ready = 'ready';

/** The life of the process that looks names up: it answers what its parent asks, and ends with it. */
export function runNamesChild(self: NodeJS.Process): void {
  self.title = 'sentinel-tunnel: names';
  // A terminal and systemd signal the whole group. The tunnel decides when this ends: names are looked up while it drains.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) self.on(signal, () => undefined);
  // An ordinary exit waits for the threads that look names up, for as long as a name server is silent.
  self.on('disconnect', () => self.kill(self.pid, 'SIGKILL'));
  self.on('message', ({ name }: LookupRequest) => {
    lookUp(name, (found) => self.send?.({ name, found }));
  });
  // The first thing that needs a thread starts all of them, or ends the process where they are too many.
  stat(self.execPath, () => self.send?.(ready));
}
