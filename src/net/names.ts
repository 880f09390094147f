import { isIP, isIPv6, type LookupFunction } from 'node:net';
import type { LookupResult } from './look-up.ts';
import { NamesProcess } from './names-process.ts';

/** How long a name with known addresses is waited for, in milliseconds. Healthy name servers take 1 to 50. */
const graceMs = 200;

/** How long a listener waits for its name, in milliseconds. It is retried later. */
const listenMs = 2_000;

/** The most names whose last good addresses are kept. */
const mostKept = 1_024;

/** The longest valid name, with a final dot (RFC 1035, 2.3.4). */
const longestName = 254;

type LookupCallback = (result: LookupResult) => void;

interface LookUp {
  readonly waiting: Set<LookupCallback>;
  /** Until the waiting callbacks receive the last good addresses, if any. */
  grace: NodeJS.Timeout | undefined;
  isLate: boolean;
}

/** Resolves names. */
export interface Resolver {
  /** Resolves a name that has no lookup in progress. Calls back later. */
  ask(name: string, answer: LookupCallback): void;
  close(): void;
}

/**
 * Resolves host names. Each name has one lookup at a time, shared by all callers, however long it takes: callers have their own
 * deadlines. While a lookup is late or fails temporarily, callers receive the last good addresses; a name that no longer exists has none.
 */
export class Names {
  readonly #resolver: Resolver;
  readonly #running = new Map<string, LookUp>();
  /** The latest lookup is last. */
  readonly #good = new Map<string, readonly string[]>();
  #users = 0;

  constructor(resolver: Resolver) {
    this.#resolver = resolver;
  }

  /** Calls back once, never before this returns. An IP address resolves to itself. */
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
   * @returns the address to listen on for a host
   * @throws Error with the `code` of the failure; `EAI_AGAIN` without an answer within 2 s
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

  /** Registers a user. @returns an idempotent function that ends the use; after the last one the resolver closes */
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

/** The names of this process, shared by everything in it. */
export const names = new Names(new NamesProcess());

/** @returns a lookup function for sockets; `object` returns an error if the addresses must not be dialled */
export function lookupUnless(
  object: (addresses: readonly string[]) => NodeJS.ErrnoException | undefined,
): LookupFunction {
  return (name, { all }, answer) => {
    names.find(name, (result) => {
      const error = typeof result === 'string' ? lookUpError(name, result) : object(result);
      if (error || typeof result === 'string') {
        answer(error ?? null, ''); // an error has no addresses, despite the types
        return;
      }
      const addresses = result.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }));
      const [first] = addresses;
      if (all) answer(null, addresses);
      else answer(null, first?.address ?? '', first?.family);
    });
  };
}

/** A lookup function for sockets that may dial any address. */
export const lookupAny = lookupUnless(() => undefined);

/** @returns an error like the one of Node's own lookup */
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
