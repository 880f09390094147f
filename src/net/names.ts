import { isIP, isIPv6, type LookupFunction } from 'node:net';
import type { LookupResult } from './look-up.ts';
import { NamesProcess } from './names-process.ts';

/** How long a name that had an address before is waited for, in milliseconds. Name servers that are well take 1 to 50. */
const graceMs = 200;

/** How long a listener waits for the name that it is to listen on, in milliseconds. It is tried again later. */
const listenMs = 2_000;

/** Of how many names the last good addresses are kept. */
const mostKept = 1_024;

/** No name is longer (RFC 1035, 2.3.4), with a final dot. */
const longestName = 254;

type LookupCallback = (result: LookupResult) => void;

interface LookUp {
  readonly waiting: Set<LookupCallback>;
  /** Until those who wait are given the last good addresses, where there are any. */
  grace: NodeJS.Timeout | undefined;
  isLate: boolean;
}

/** Where names are looked up. */
export interface Resolver {
  /** The answer comes later, and to one question per name at a time. */
  ask(name: string, answer: LookupCallback): void;
  close(): void;
}

/**
 * The addresses of host names. A name is looked up once at a time, for all who ask, and however long that takes: those
 * who ask have their own deadlines. While the answer is late, or says that the name cannot be looked up now, its last good
 * addresses are given; a name that does not exist any more has none.
 */
export class Names {
  readonly #resolver: Resolver;
  readonly #running = new Map<string, LookUp>();
  /** The one that was looked up last is last. */
  readonly #good = new Map<string, readonly string[]>();
  #users = 0;

  constructor(resolver: Resolver) {
    this.#resolver = resolver;
  }

  /** Calls back once, never before this returns. An IP address is its own answer. */
  find(name: string, answer: LookupCallback): void {
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
      this.find(host, (result) => {
        clearTimeout(tooLate);
        if (typeof result !== 'string' && result[0] !== undefined) resolve(result[0]);
        else reject(lookUpError(host, String(result)));
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
      if (this.#users === 0) this.#resolver.close();
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
    this.#resolver.ask(name, (result) => {
      clearTimeout(lookUp.grace);
      this.#running.delete(name);
      answerAll(lookUp, this.#kept(name, result));
    });
    return lookUp;
  }

  #kept(name: string, result: LookupResult): LookupResult {
    const before = this.#good.get(name);
    this.#good.delete(name);
    const good = typeof result !== 'string' ? result : result === 'ENOTFOUND' ? undefined : before;
    if (!good) return result;
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
    names.find(name, (result) => {
      const error = typeof result === 'string' ? lookUpError(name, result) : object(result);
      if (error || typeof result === 'string') {
        answer(error ?? null, ''); // there are no addresses then, whatever the types say
        return;
      }
      const addresses = result.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }));
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

function answerAll({ waiting: all }: LookUp, result: LookupResult): void {
  const waiting = [...all];
  all.clear();
  for (const answer of waiting) answer(result);
}

function later(answer: LookupCallback, result: LookupResult): void {
  queueMicrotask(() => {
    answer(result);
  });
}
