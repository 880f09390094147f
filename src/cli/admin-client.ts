import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { statusVersion } from '../admin/status.ts';
import { messageOf, TunnelError } from '../errors.ts';
import { formatListenAddress, type ListenAddress } from '../net/endpoint.ts';
import type { Secret } from '../net/secret.ts';
import { printable } from '../printable.ts';

/** An answer takes milliseconds, unless the way or the tunnel is ill, in milliseconds. */
const answerMs = 5_000;
/** No configuration has a status, nor a list of stories, of more bytes than this. */
const mostBytes = 32 * 1024 * 1024;
/** One event is a line of a log. */
const mostFrameBytes = 1024 * 1024;
/** The stream has a beat every ten seconds: what is silent for longer than two of them is gone, in milliseconds. */
const silenceMs = 25_000;

/** Where an admin listener is, and what it is to be shown. */
export interface AdminPlace {
  readonly address: ListenAddress;
  readonly token: Secret | undefined;
}

export interface Asking {
  readonly method?: 'GET' | 'POST';
  readonly body?: object;
  /** Deadline of the whole answer in milliseconds. */
  readonly withinMs?: number;
  /** Whether a refusal may be of several lines, as that of a configuration is. */
  readonly inLines?: boolean;
}

interface Head {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface AdminAnswer {
  readonly status: number;
  readonly text: string;
}

/** One event of a stream: its kind, and its data as it was sent. */
export interface Frame {
  readonly kind: string;
  readonly id: string | undefined;
  readonly data: string;
}

/** Asks the admin listener of a running tunnel. Whatever it answers is bounded in time and size. */
export class AdminClient {
  readonly #place: AdminPlace;

  constructor(place: AdminPlace) {
    this.#place = place;
  }

  /** Where it asks, for people. */
  get where(): string {
    return printable(formatListenAddress(this.#place.address));
  }

  /**
   * The JSON that a path is answered with, in the version that this program reads. Its shape is not checked: console.ts
   * reports what cannot be read after all.
   *
   * @throws TunnelError `ST_ADMIN_UNREACHABLE`, `ST_ADMIN_DENIED` or `ST_ADMIN_REFUSED`
   */
  async json<T>(path: string, asking: Asking = {}): Promise<T> {
    const answer = await this.ask(path, asking);
    const body = parse(answer.text);
    if (answer.status < 200 || answer.status >= 300) throw this.#refusal(answer, body, asking.inLines);
    const { version } = (typeof body === 'object' && body !== null ? body : {}) as { version?: unknown };
    if (version === statusVersion) return body as T;
    if (typeof version !== 'number') throw this.#noTunnel(answer);
    throw new TunnelError(
      'ST_ADMIN_UNREACHABLE',
      `The tunnel at ${this.where} answers in version ${String(version)}, this program reads version ${String(statusVersion)}`,
    );
  }

  /**
   * What a path is answered with, whatever that is.
   *
   * @throws TunnelError `ST_ADMIN_UNREACHABLE`
   */
  async ask(path: string, { method = 'GET', body, withinMs = answerMs }: Asking = {}): Promise<AdminAnswer> {
    const sent = this.#request(path, { method }, body === undefined ? undefined : JSON.stringify(body));
    try {
      // Not the timeout of the request, which is about silence: an answer in drops is none.
      return await withTimer(sent, withinMs, () => collected(sent));
    } catch (error) {
      throw this.#unreachable(error);
    }
  }

  /**
   * Follows a stream of events until it ends, or the signal ends it.
   *
   * @param told each event, `hello` too
   * @throws TunnelError where it does not begin, breaks, or is silent for too long
   */
  async follow(
    path: string,
    lastId: string | undefined,
    told: (frame: Frame) => void,
    signal: AbortSignal,
  ): Promise<void> {
    // Asked again each time: it changes while something is awaited.
    const isOver = (): boolean => signal.aborted;
    if (isOver()) return;
    const sent = this.#request(path, {
      headers: { accept: 'text/event-stream', ...(lastId !== undefined && { 'last-event-id': lastId }) },
    });
    const end = (): void => {
      sent.destroy();
    };
    signal.addEventListener('abort', end, { once: true });
    try {
      const response = await withTimer(sent, answerMs, () => begun(sent));
      if (response.statusCode !== 200) {
        const answer = await withTimer(sent, answerMs, () => read(sent, response));
        throw this.#refusal(answer, parse(answer.text));
      }
      await frames(sent, response, told);
    } catch (error) {
      if (isOver()) return;
      throw error instanceof TunnelError ? error : this.#unreachable(error);
    } finally {
      signal.removeEventListener('abort', end);
      sent.destroy();
    }
  }

  #request(path: string, { method = 'GET', headers = {} }: Head, body?: string): ClientRequest {
    const { address, token } = this.#place;
    const to =
      address.kind === 'unix' ? { socketPath: address.path } : { host: address.host, port: address.port };
    const sent = request({
      ...to,
      method,
      path,
      agent: false,
      maxHeaderSize: 16 * 1024,
      headers: {
        accept: 'application/json',
        ...(token !== undefined && { authorization: `Bearer ${token.reveal()}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
    });
    sent.on('error', () => undefined); // callers that wait for it have a listener of their own
    sent.end(body);
    return sent;
  }

  #unreachable(cause: unknown): TunnelError {
    return new TunnelError('ST_ADMIN_UNREACHABLE', this.#whyUnreachable(cause), { cause });
  }

  #whyUnreachable(cause: unknown): string {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    const { where } = this;
    if (code === 'ECONNREFUSED' || code === 'ENOENT')
      return `No tunnel answers at ${where} (${code}): is it running with an admin listener? --admin, SENTINEL_TUNNEL_ADMIN or --config say where it is`;
    if (code === 'EACCES' || code === 'EPERM')
      return `May not connect to ${where} (${code}): it is for its owner and group`;
    // So node:http says that a connection ended before any answer.
    if (messageOf(cause) === 'socket hang up')
      return `No admin listener answers at ${where}: what is there closed the connection without an answer`;
    if (code.startsWith('HPE_')) return `${where} is not a Sentinel Tunnel: ${printable(messageOf(cause))}`;
    return `${where} does not answer: ${printable(messageOf(cause))}`;
  }

  #noTunnel({ status, text }: AdminAnswer): TunnelError {
    const body = printable(text.slice(0, 80));
    return new TunnelError(
      'ST_ADMIN_UNREACHABLE',
      `${this.where} is not a Sentinel Tunnel: it answers HTTP ${String(status)}, "${body}"`,
    );
  }

  #refusal({ status, text }: AdminAnswer, body: unknown, inLines = false): TunnelError {
    const { error, code } = (typeof body === 'object' && body !== null ? body : {}) as Readonly<
      Record<string, unknown>
    >;
    if (typeof error !== 'string') return this.#noTunnel({ status, text });
    const sentence = printable(error);
    if (status === 401) {
      const remedy =
        this.#place.token === undefined
          ? 'give the token by --token-file, SENTINEL_TUNNEL_ADMIN_TOKEN or --config'
          : 'the token that was given is another one';
      return new TunnelError('ST_ADMIN_DENIED', `${this.where} wants a token: ${remedy}`);
    }
    if (status === 403 || status === 421)
      return new TunnelError('ST_ADMIN_DENIED', `${this.where} refuses: ${sentence}`);
    const suffix = typeof code === 'string' ? ` (${printable(code)})` : '';
    if (!inLines) return new TunnelError('ST_ADMIN_REFUSED', `${sentence}${suffix}`);
    const [first = '', ...more] = error.split('\n').map(printable);
    const head = first.endsWith(':') ? `${first.slice(0, -1)}${suffix}:` : `${first}${suffix}`;
    return new TunnelError('ST_ADMIN_REFUSED', [head, ...more].join('\n'));
  }
}

/** Destroys a request where what is waited for takes too long. */
async function withTimer<T>(sent: ClientRequest, ms: number, wait: () => Promise<T>): Promise<T> {
  const timer = setTimeout(() => {
    sent.destroy(new Error(`nothing within ${String(ms)} ms`));
  }, ms);
  try {
    return await wait();
  } finally {
    clearTimeout(timer);
  }
}

function begun(sent: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    sent.once('response', resolve);
    sent.once('error', reject);
  });
}

async function collected(sent: ClientRequest): Promise<AdminAnswer> {
  return await read(sent, await begun(sent));
}

function read(sent: ClientRequest, response: IncomingMessage): Promise<AdminAnswer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    response.on('data', (chunk: Buffer) => {
      length += chunk.length;
      chunks.push(chunk);
      if (length > mostBytes) sent.destroy(new Error('its answer does not end'));
    });
    response.on('error', reject);
    sent.on('error', reject);
    response.on('end', () => {
      resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() });
    });
  });
}

/** Reads `text/event-stream` (https://html.spec.whatwg.org/multipage/server-sent-events.html) as the tunnel writes it. */
function frames(sent: ClientRequest, response: IncomingMessage, told: (frame: Frame) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    let rest = '';
    const silence = setTimeout(() => {
      sent.destroy(new Error(`silent for ${String(silenceMs)} ms`));
    }, silenceMs);
    const over = (error: Error): void => {
      clearTimeout(silence);
      reject(error);
    };
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => {
      silence.refresh();
      const parts = `${rest}${chunk}`.split('\n\n');
      rest = parts.pop() ?? '';
      for (const part of parts) {
        const frame = frameOf(part);
        if (frame) told(frame);
      }
      if (rest.length > mostFrameBytes) sent.destroy(new Error('one of its events does not end'));
    });
    response.on('error', over);
    sent.on('error', over);
    response.on('close', () => {
      over(new Error('the connection was closed'));
    });
    response.on('end', () => {
      clearTimeout(silence);
      resolve();
    });
  });
}

function frameOf(text: string): Frame | undefined {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    // Not by a pattern: its `.` would stop at U+2028, which JSON may hold as it is.
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).replace(/^ /, ''));
  }
  const data = fields.get('data');
  return data === undefined
    ? undefined
    : { kind: fields.get('event') ?? 'message', id: fields.get('id'), data };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the caller reports what was answered instead
  }
}
