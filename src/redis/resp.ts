import { Buffer } from 'node:buffer';
import { TunnelError } from '../errors.ts';

/** One RESP2 reply. An error reply is a value: the caller decides whether it is a failure. */
export type Reply = string | number | null | ReplyError | readonly Reply[];

/** `-CODE text` as a server sent it, without the minus sign. */
export class ReplyError {
  readonly text: string;

  constructor(text: string) {
    this.text = text.length > 200 ? `${text.slice(0, 200)}…` : text; // it is shown in logs and messages
  }

  /** The first word: `NOAUTH`, `NOPERM`, `ERR`, … */
  get code(): string {
    return this.text.split(' ', 1)[0] ?? '';
  }
}

/** The greatest length of a reply. */
export interface ReplyLimits {
  readonly bytes: number;
  readonly elements: number;
}

/** For queries about one master. The entry of one Sentinel is about 700 bytes, so there is room for ninety of them. */
const maxReplyBytes = 64 * 1024;
const maxElements = 4096;
/** The limits of an ordinary reply. */
export const usualReply: ReplyLimits = { bytes: maxReplyBytes, elements: maxElements };
/** For lists, in which restarted pods stay until an operator resets them: there is room for six thousand entries. */
const maxListBytes = 4 * 1024 * 1024;
/** The limits of a long list. */
export const longReply: ReplyLimits = { bytes: maxListBytes, elements: maxListBytes / 16 };

/** `SENTINEL SENTINELS` is an array of flat arrays, ROLE nests three deep. */
const maxDepth = 4;

/** An array whose elements have not all arrived. */
interface OpenArray {
  readonly items: Reply[];
  missing: number;
}

/**
 * Reads RESP2 from a stream in which nothing is trusted: replies are bounded in bytes, depth and elements, and
 * anything else is refused at its first invalid byte. Each byte is read once, however it arrives.
 *
 * Source: https://redis.io/docs/latest/develop/reference/protocol-spec/
 */
export class ReplyDecoder {
  readonly #limits: ReplyLimits;
  /** The bytes of an incomplete line or string. */
  #rest: Buffer = Buffer.alloc(0);
  /** The length of the string that is being read; `undefined` between elements. */
  #bulkLength: number | undefined;
  readonly #open: OpenArray[] = [];
  #replyBytes = 0;
  #elements = 0;

  constructor(limits = usualReply) {
    this.#limits = limits;
  }

  /**
   * Takes the next bytes of the stream.
   *
   * @returns the replies that are complete now
   * @throws TunnelError `ST_REDIS_REPLY_INVALID`; the stream cannot be read any further
   */
  push(chunk: Buffer): Reply[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const replies: Reply[] = [];
    let at = 0;
    while (at < bytes.length) {
      const end = this.#bulkLength === undefined ? lineEnd(bytes, at) : at + this.#bulkLength + 2;
      // The first byte is checked before the end of the line is there, so that garbage is refused at once.
      if (this.#bulkLength === undefined) assertType(bytes[at] ?? 0);
      if (end === -1 || end > bytes.length) break;
      this.#replyBytes += end - at;
      this.#assertShort(0);
      const reply = this.#bulkLength === undefined ? this.#line(bytes, at, end) : this.#bulk(bytes, at, end);
      at = end;
      const whole = reply === undefined ? undefined : this.#add(reply);
      if (whole !== undefined) replies.push(whole);
    }
    this.#rest = bytes.subarray(at);
    this.#assertShort(this.#rest.length);
    return replies;
  }

  #assertShort(more: number): void {
    if (this.#replyBytes + more > this.#limits.bytes)
      throw invalid(`a reply is longer than ${String(this.#limits.bytes)} bytes`);
  }

  /** Reads one line. @returns `undefined` where a string or elements follow it */
  #line(bytes: Buffer, at: number, end: number): Reply | undefined {
    const text = bytes.toString('utf8', at + 1, end - 2);
    switch (String.fromCharCode(bytes[at] ?? 0)) {
      case '+':
        return text;
      case '-':
        return new ReplyError(text);
      case ':':
        return integer(text, Number.MIN_SAFE_INTEGER);
      case '$': {
        const length = integer(text, -1);
        if (length === -1) return null;
        if (length > this.#limits.bytes) throw invalid(`a string of ${String(length)} bytes is too long`);
        this.#bulkLength = length;
        return undefined;
      }
      default: {
        const length = integer(text, -1);
        if (length === -1) return null;
        this.#elements += length;
        if (this.#elements > this.#limits.elements)
          throw invalid(`an array has more than ${String(this.#limits.elements)} elements`);
        if (length === 0) return [];
        if (this.#open.length === maxDepth)
          throw invalid(`a reply is nested deeper than ${String(maxDepth)}`);
        this.#open.push({ items: [], missing: length });
        return undefined;
      }
    }
  }

  #bulk(bytes: Buffer, at: number, end: number): string {
    this.#bulkLength = undefined;
    if (bytes[end - 2] !== 13 || bytes[end - 1] !== 10) throw invalid('a string does not end with CRLF');
    return bytes.toString('utf8', at, end - 2);
  }

  /** Adds an element to the innermost open array. @returns the reply, if it is complete now */
  #add(element: Reply): Reply | undefined {
    let reply = element;
    for (let array = this.#open.at(-1); array; array = this.#open.at(-1)) {
      array.items.push(reply);
      array.missing -= 1;
      if (array.missing > 0) return undefined;
      this.#open.pop();
      reply = array.items;
    }
    this.#replyBytes = 0;
    this.#elements = 0;
    return reply;
  }
}

/** @returns the position after the line that begins at `at`; -1 while the line is incomplete */
function lineEnd(bytes: Buffer, at: number): number {
  const end = bytes.indexOf('\r\n', at, 'latin1');
  return end === -1 ? -1 : end + 2;
}

function assertType(byte: number): void {
  if (!'+-:$*'.includes(String.fromCharCode(byte)))
    throw invalid(`a reply begins with byte ${String(byte)}, expected one of "+-:$*"`);
}

function integer(text: string, least: number): number {
  const value = Number(text);
  if (!/^-?\d{1,19}$/.test(text) || value < least) throw invalid(`"${clip(text)}" is not a number`);
  return value;
}

/** Encodes a command as clients send it: an array of bulk strings. */
export function encodeCommand(command: readonly string[]): string {
  const parts = command.map((part) => `$${String(Buffer.byteLength(part))}\r\n${part}\r\n`);
  return `*${String(command.length)}\r\n${parts.join('')}`;
}

/** Reads a flat array of names and values, which is what RESP2 has for a map. Leaves out what is not a string. */
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
  return new TunnelError('ST_REDIS_REPLY_INVALID', `Not the Redis protocol: ${what}`);
}
