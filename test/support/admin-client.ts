import { patienceMs } from './eventually.ts';
import { request, type IncomingMessage, type RequestOptions } from 'node:http';

/** What an admin listener answered. */
export interface Answered {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  /** The text as JSON; throws where it is none. */
  json(): unknown;
}

export interface Asking {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly deadlineMs?: number;
}

/** Where an admin listener is: a port on loopback, or the path of a unix socket. */
export type AdminAddress = number | string;

/** One request on a connection of its own; any header may be set, `Host` too. */
export function ask(where: AdminAddress, path: string, asking: Asking = {}): Promise<Answered> {
  const { method = 'GET', headers = {}, body, deadlineMs = patienceMs } = asking;
  return new Promise((resolve, reject) => {
    const sent = request({ ...placeOf(where), path, method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const json = (): unknown => JSON.parse(text) as unknown;
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json });
      });
    });
    sent.setTimeout(deadlineMs, () => sent.destroy(new Error(`No answer within ${deadlineMs} ms`)));
    sent.on('error', reject);
    sent.end(body);
  });
}

/** A stream of events, read as it comes. */
export class EventStream implements AsyncDisposable {
  readonly #response: IncomingMessage;
  #text = '';

  /** Resolves when the head of the answer has come. */
  static open(where: AdminAddress, path: string, headers: Asking['headers'] = {}): Promise<EventStream> {
    return new Promise((resolve, reject) => {
      const sent = request({ ...placeOf(where), path, headers, agent: false }, (response) => {
        resolve(new EventStream(response));
      });
      sent.on('error', reject);
      sent.end();
    });
  }

  private constructor(response: IncomingMessage) {
    this.#response = response;
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => (this.#text += chunk));
    response.on('error', () => undefined); // cut off: `isOver` tells
  }

  get status(): number {
    return this.#response.statusCode ?? 0;
  }

  get headers(): IncomingMessage['headers'] {
    return this.#response.headers;
  }

  get isOver(): boolean {
    return this.#response.destroyed || this.#response.readableEnded;
  }

  /** Stops reading, so that what is sent piles up on the other side. */
  pause(): void {
    this.#response.pause();
  }

  resume(): void {
    this.#response.resume();
  }

  /** The `data` of every event of a kind so far. */
  data(kind = 'log'): readonly Readonly<Record<string, unknown>>[] {
    return this.#text.split('\n\n').flatMap((frame) => {
      const lines = frame.split('\n');
      const data = lines.find((line) => line.startsWith('data: '))?.slice('data: '.length);
      return lines.includes(`event: ${kind}`) && data !== undefined
        ? [JSON.parse(data) as Record<string, unknown>]
        : [];
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#response.destroy();
    return Promise.resolve();
  }
}

function placeOf(where: AdminAddress): RequestOptions {
  return typeof where === 'number' ? { host: '127.0.0.1', port: where } : { socketPath: where };
}
