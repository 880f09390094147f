import { ADDRCONFIG, lookup } from 'node:dns';
import { platform } from 'node:os';

/** The addresses of a name in the order in which they are tried, at least one; or the code of the error. */
export type Found = readonly string[] | string;

/** What a name server says is not trusted to be short. */
const mostAddresses = 32;

/**
 * Looks a name up by getaddrinfo(3): hosts file, search domains and `nsswitch.conf` included. It blocks a thread of
 * libuv's pool until there is an answer, for 10 seconds and more where a name server is silent.
 */
export function lookUp(name: string, answer: (found: Found) => void): void {
  // "localhost" is asked of no name server, and has both addresses also where IPv6 leads no further than this machine.
  const hints = platform() === 'win32' || name === 'localhost' ? 0 : ADDRCONFIG;
  ask(name, hints, (found) => {
    // A name may have only an address of a family that has no other use here.
    if (found === 'ENOTFOUND' && hints !== 0) ask(name, 0, answer);
    else answer(found);
  });
}

function ask(name: string, hints: number, answer: (found: Found) => void): void {
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
