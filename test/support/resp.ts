/** One decoded reply. Maps and sets of RESP3 come as flat arrays, errors as values. */
export type Reply = string | number | null | ReplyError | Reply[];

/** An error line of a server, without its `-`. */
export class ReplyError extends Error {
  override readonly name = 'ReplyError';

  /** The first word: `READONLY`, `ERR`, `NOAUTH`. */
  get code(): string {
    return this.message.split(' ', 1)[0] ?? '';
  }
}

export type Argument = string | number | Uint8Array;

/** A command as an array of bulk strings. */
export function encodeCommand(args: readonly Argument[]): Buffer {
  const parts: Uint8Array[] = [Buffer.from(`*${args.length}\r\n`)];
  for (const arg of args) {
    const bytes = typeof arg === 'object' ? arg : Buffer.from(String(arg));
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat(parts);
}

/** A reply as a server writes it: strings as bulk strings. */
export function encodeReply(reply: Reply): string {
  if (reply === null) return '*-1\r\n';
  if (typeof reply === 'number') return `:${reply}\r\n`;
  if (typeof reply === 'string') return `$${Buffer.byteLength(reply)}\r\n${reply}\r\n`;
  if (reply instanceof ReplyError) return `-${reply.message}\r\n`;
  return `*${reply.length}\r\n${reply.map(encodeReply).join('')}`;
}

/** Turns bytes as they come into replies. */
export class RespDecoder {
  #chunks: Uint8Array[] = [];
  #length = 0;
  /** Not worth another look before this many bytes are here: a large value is parsed once, not once per chunk. */
  #wanted = 0;

  push(chunk: Uint8Array): Reply[] {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    const replies: Reply[] = [];
    if (this.#length < this.#wanted) return replies;

    const bytes = Buffer.concat(this.#chunks);
    let at = 0;
    this.#wanted = 0;
    for (;;) {
      const parsed = parse(bytes, at);
      if ('wanted' in parsed) {
        this.#wanted = parsed.wanted - at;
        break;
      }
      replies.push(parsed.reply);
      at = parsed.next;
    }
    this.#chunks = [bytes.subarray(at)];
    this.#length = bytes.length - at;
    return replies;
  }
}

type Parsed = { readonly reply: Reply; readonly next: number } | { readonly wanted: number };

function parse(bytes: Buffer, from: number): Parsed {
  const end = bytes.indexOf('\r\n', from);
  if (end < 0) return { wanted: bytes.length + 1 };
  const line = bytes.toString('utf8', from + 1, end);
  const next = end + 2;
  const type = String.fromCharCode(bytes[from] ?? 0);
  switch (type) {
    case '+':
    case ',':
    case '(':
      return { reply: line, next };
    case '-':
      return { reply: new ReplyError(line), next };
    case ':':
      return { reply: Number(line), next };
    case '#':
      return { reply: line === 't' ? 1 : 0, next };
    case '_':
      return { reply: null, next };
    case '$':
    case '=':
      return parseBulk(bytes, next, Number(line));
    case '*':
    case '~':
    case '>':
      return parseArray(bytes, next, Number(line));
    case '%':
      return parseArray(bytes, next, Number(line) * 2);
    default:
      throw new Error(`Cannot decode a reply: unexpected type byte ${JSON.stringify(type)}`);
  }
}

function parseBulk(bytes: Buffer, from: number, length: number): Parsed {
  if (length < 0) return { reply: null, next: from };
  const end = from + length;
  if (bytes.length < end + 2) return { wanted: end + 2 };
  return { reply: bytes.toString('utf8', from, end), next: end + 2 };
}

function parseArray(bytes: Buffer, from: number, length: number): Parsed {
  if (length < 0) return { reply: null, next: from };
  const replies: Reply[] = [];
  let at = from;
  for (let index = 0; index < length; index++) {
    const parsed = parse(bytes, at);
    if ('wanted' in parsed) return parsed;
    replies.push(parsed.reply);
    at = parsed.next;
  }
  return { reply: replies, next: at };
}
