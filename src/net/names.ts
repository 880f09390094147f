import { isIP, isIPv6, type LookupFunction } from 'node:net';
import type { Found } from './look-up.ts';
import { NamesProcess } from './names-process.ts';

/** How long a name that had an address before is waited for, in milliseconds. Name servers that are well take 1 to 50. */
const graceMs = 200;

/** How long a listener waits for the name that it is to listen on, in milliseconds. It is tried again later. */
const listenMs = 2_000;

/** Of how many names the last good addresses are kept. */
const mostKept = 1_024;

/** No name is longer (RFC 1035, 2.3.4), with a final dot. */
const longestName = 254;

type Answer = (found: Found) => void;

interface LookUp {
  readonly waiting: Set<Answer>;
  /** Until those who wait are given the last good addresses, where there are any. */
  grace: NodeJS.Timeout | undefined;
  isLate: boolean;
}

/** Where names are looked up. */
export interface LookUps {
  /** The answer comes later, and to one question per name at a time. */
  ask(name: string, answer: Answer): void;
  close(): void;
}

/**
 * The addresses of host names. A name is looked up once at a time, for all who ask, and however long that takes: those
 * who ask have their own deadlines. While the answer is late, or says that the name cannot be looked up now, its last good
 * addresses are given; a name that does not exist any more has none.
 */
export class Names {
  readonly #lookUps: LookUps;
  readonly #running = new Map<string, LookUp>();
  /** The one that was looked up last is last. */
  readonly #good = new Map<string, readonly string[]>();
  #users = 0;

  constructor(lookUps: LookUps) {
    this.#lookUps = lookUps;
  }

  /** Calls back once, never before this returns. An IP address is its own answer. */
  find(name: string, answer: Answer): void {
    if (isIP(name) !== 0) {
      later(answer, [name]);
      return;
    }
    if (name.length > longestName) {
      later(answer, 'ENOTFOUND');
      return;
    }
    const lookUp = this.#running.get(name) ?? this.#lookUp(name);
    const good = this.#good.get(name);
    if (good && lookUp.isLate) later(answer, good);
    else lookUp.waiting.add(answer);
  }

  /**
   * The address to listen on for a host.
   *
   * @throws Error with the `code` of the failure, `EAI_AGAIN` where there is no answer within 2 s
   */
  addressOf(host: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const tooLate = setTimeout(() => {
        reject(lookUpError(host, 'EAI_AGAIN'));
      }, listenMs);
      this.find(host, (found) => {
        clearTimeout(tooLate);
        if (typeof found !== 'string' && found[0] !== undefined) resolve(found[0]);
        else reject(lookUpError(host, String(found)));
      });
    });
  }

  /** @returns what its user calls when it is done. After the last one nothing runs any more for names. Idempotent */
  use(): () => void {
    this.#users += 1;
    let isUsed = true;
    return () => {
      if (!isUsed) return;
      isUsed = false;
      this.#users -= 1;
      if (this.#users === 0) this.#lookUps.close();
    };
  }

  #lookUp(name: string): LookUp {
    const lookUp: LookUp = { waiting: new Set(), grace: undefined, isLate: false };
    this.#running.set(name, lookUp);
    const good = this.#good.get(name);
    if (good) {
      lookUp.grace = setTimeout(() => {
        lookUp.isLate = true;
        answerAll(lookUp, good);
      }, graceMs);
    }
    this.#lookUps.ask(name, (found) => {
      clearTimeout(lookUp.grace);
      this.#running.delete(name);
      answerAll(lookUp, this.#kept(name, found));
    });
    return lookUp;
  }

  #kept(name: string, found: Found): Found {
    const before = this.#good.get(name);
    this.#good.delete(name);
    const good = typeof found !== 'string' ? found : found === 'ENOTFOUND' ? undefined : before;
    if (!good) return found;
    this.#good.set(name, good);
    const [oldest] = this.#good.keys();
    if (oldest !== undefined && this.#good.size > mostKept) this.#good.delete(oldest);
    return good;
  }
}

/** Those of this process, for everything in it: what is asked, and what is known, is the same for all. */
export const names = new Names(new NamesProcess());

/** How sockets look a name up; `object` says why none of its addresses is to be connected to. */
export function lookupUnless(
  object: (addresses: readonly string[]) => NodeJS.ErrnoException | undefined,
): LookupFunction {
  return (name, { all }, answer) => {
    names.find(name, (found) => {
      const error = typeof found === 'string' ? lookUpError(name, found) : object(found);
      if (error || typeof found === 'string') {
        answer(error ?? null, ''); // there are no addresses then, whatever the types say
        return;
      }
      const addresses = found.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }));
      const [first] = addresses;
      if (all) answer(null, addresses);
      else answer(null, first?.address ?? '', first?.family);
    });
  };
}

/** How a socket that may go anywhere looks a name up. */
export const lookupAny = lookupUnless(() => undefined);

/** An error as Node's own look-up gives it. */
function lookUpError(name: string, code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`getaddrinfo ${code} ${name}`), {
    code,
    syscall: 'getaddrinfo',
    hostname: name,
  });
}

function answerAll({ waiting: all }: LookUp, found: Found): void {
  const waiting = [...all];
  all.clear();
  for (const answer of waiting) answer(found);
}

function later(answer: Answer, found: Found): void {
  queueMicrotask(() => {
    answer(found);
  });
}
