import { TunnelError } from '../errors.ts';

/** One RESP2 reply. An error reply is a value: whether it is a failure is for the asker to say. */
export type Reply = string | number | null | ReplyError | readonly Reply[];

/** `-CODE text`, as a server sent it, without the sign. */
export class ReplyError {
  readonly text: string;

  constructor(text: string) {
    this.text = text.length > 200 ? `${text.slice(0, 200)}…` : text; // it ends up in logs and messages
  }

  /** The first word: `NOAUTH`, `NOPERM`, `ERR`, … */
  get code(): string {
    return this.text.split(' ', 1)[0] ?? '';
  }
}

/** The longest reply accepted, in bytes. A Sentinel entry is about 700 bytes; this is room for ninety of them. */
const maxReplyBytes = 64 * 1024;
/** `SENTINEL SENTINELS` is an array of flat arrays, ROLE nests three deep. */
const maxDepth = 4;
const maxElements = 4096;

/**
 * Reads RESP2 from a stream in which nothing is trusted: replies are bounded in bytes, depth and elements, and
 * whatever is not RESP2 is refused at the first byte that cannot be.
 *
 * Source: https://redis.io/docs/latest/develop/reference/protocol-spec/
 */
export class ReplyDecoder {
  #pending: Buffer = Buffer.alloc(0);

  /**
   * Takes what has arrived and gives the replies that are now whole.
   *
   * @throws TunnelError `ST_SENTINEL_REPLY_INVALID`; the connection is of no further use then
   */
  push(chunk: Buffer): Reply[] {
    const bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const replies: Reply[] = [];
    let at = 0;
    while (at < bytes.length) {
      const cursor = new Cursor(bytes, at);
      const reply = cursor.read(0);
      if (reply === undefined) break;
      replies.push(reply);
      at = cursor.at;
    }
    if (bytes.length - at > maxReplyBytes) {
      throw invalid(`a reply is longer than ${String(maxReplyBytes)} bytes`);
    }
    this.#pending = bytes.subarray(at);
    return replies;
  }
}

/** Reads one reply from the front of what has arrived; `undefined` means that more is needed. */
class Cursor {
  at: number;
  readonly #bytes: Buffer;
  #elements = 0;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  read(depth: number): Reply | undefined {
    if (depth > maxDepth) throw invalid(`a reply is nested deeper than ${String(maxDepth)}`);
    const sign = this.#bytes[this.at];
    if (sign === undefined) return undefined;
    // A line is only looked for after its sign is known to be one, so that garbage is refused at once.
    switch (String.fromCharCode(sign)) {
      case '+':
        return this.#line();
      case '-': {
        const line = this.#line();
        return line === undefined ? undefined : new ReplyError(line);
      }
      case ':':
        return this.#integer(Number.MIN_SAFE_INTEGER);
      case '$':
        return this.#bulk();
      case '*':
        return this.#array(depth);
      default:
        throw invalid(`a reply begins with byte ${String(sign)}, expected one of "+-:$*"`);
    }
  }

  #line(): string | undefined {
    const end = this.#bytes.indexOf('\r\n', this.at, 'latin1');
    if (end === -1) {
      if (this.#bytes.length - this.at > maxReplyBytes) throw invalid('a line does not end');
      return undefined;
    }
    const line = this.#bytes.toString('utf8', this.at + 1, end);
    this.at = end + 2;
    return line;
  }

  #integer(least: number): number | undefined {
    const line = this.#line();
    if (line === undefined) return undefined;
    const value = Number(line);
    if (!/^-?\d{1,19}$/.test(line) || value < least) throw invalid(`"${clip(line)}" is not a number`);
    return value;
  }

  #bulk(): string | null | undefined {
    const length = this.#integer(-1);
    if (length === undefined) return undefined;
    if (length === -1) return null;
    if (length > maxReplyBytes) throw invalid(`a string of ${String(length)} bytes is announced`);
    const end = this.at + length;
    if (this.#bytes.length < end + 2) return undefined;
    if (this.#bytes[end] !== 13 || this.#bytes[end + 1] !== 10)
      throw invalid('a string does not end where it should');
    const text = this.#bytes.toString('utf8', this.at, end);
    this.at = end + 2;
    return text;
  }

  #array(depth: number): readonly Reply[] | null | undefined {
    const length = this.#integer(-1);
    if (length === undefined) return undefined;
    if (length === -1) return null;
    this.#elements += length;
    if (this.#elements > maxElements)
      throw invalid(`more than ${String(maxElements)} elements are announced`);
    const replies: Reply[] = [];
    for (let index = 0; index < length; index += 1) {
      const reply = this.read(depth + 1);
      if (reply === undefined) return undefined;
      replies.push(reply);
    }
    return replies;
  }
}

/** A command as RESP wants it from a client: an array of bulk strings. */
export function encodeCommand(words: readonly string[]): string {
  return `*${String(words.length)}\r\n${words.map((word) => `$${String(Buffer.byteLength(word))}\r\n${word}\r\n`).join('')}`;
}

/** The flat array of names and values that RESP2 has for a map; anything else in it is left out. */
export function asMap(reply: Reply): ReadonlyMap<string, string> {
  const map = new Map<string, string>();
  if (!Array.isArray(reply)) return map;
  for (let index = 0; index + 1 < reply.length; index += 2) {
    const [key, value] = [reply[index] as Reply, reply[index + 1] as Reply];
    if (typeof key === 'string' && typeof value === 'string') map.set(key, value);
  }
  return map;
}

function clip(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

function invalid(what: string): TunnelError {
  return new TunnelError('ST_SENTINEL_REPLY_INVALID', `Not the Redis protocol: ${what}`);
}
