import type { EventWithSentence } from '../follow.ts';
import type { DatabaseHistory } from '../history.ts';
import type { Status } from '../status.ts';
import type { FailoverRecord } from '../../tunnel/failover-record.ts';
import { StreamReader } from './stream.ts';

/** The state of the connection to the tunnel. */
export type Touch =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'live' }
  /** It does not answer: since when by the browser's clock, and why. */
  | { readonly kind: 'lost'; readonly sinceMs: number; readonly why: string }
  /** It needs a token: none was entered, or a wrong one. */
  | { readonly kind: 'locked'; readonly wasWrong: boolean };

/** Callbacks of the client. */
export interface Listener {
  status(status: Status): void;
  records(records: readonly FailoverRecord[]): void;
  event(event: EventWithSentence): void;
  touch(touch: Touch): void;
}

export type Level = 'debug' | 'info' | 'warn' | 'error';

/** How often the status is read, in milliseconds; also after each event that may have changed it. */
const everyMs = 1_000;
/** Deadline for a response, in milliseconds. */
const deadlineMs = 2_500;
const retryMs = 500;
/** How many past events and failovers are shown. */
const lastEvents = 200;
const lastFailovers = 20;
const tokenKey = 'sentinel-tunnel.token';

/** Reads everything that the page shows, and retries while the tunnel does not answer. */
export class Client {
  readonly #listener: Listener;
  #level: Level = 'info';
  #touch: Touch = { kind: 'connecting' };
  #lastEventId: string | undefined;
  #following = new AbortController();
  #isReading = false;
  #isReadAgain = false;
  #readTimer: ReturnType<typeof setTimeout> | undefined;
  #answeredMs = Date.now();

  constructor(listener: Listener) {
    this.#listener = listener;
  }

  start(): void {
    this.#listener.touch(this.#touch);
    void this.#readStatus();
    void this.#follow();
  }

  /** Uses a token that was typed in, until the tab closes. */
  unlock(token: string): void {
    sessionStorage.setItem(tokenKey, token);
    this.#restart();
  }

  /** Follows events of another level from now on, starting with the kept ones. */
  listenTo(level: Level): void {
    if (level === this.#level) return;
    this.#level = level;
    this.#restart();
  }

  /** @returns the samples of a database; `undefined` if the tunnel does not answer */
  async history(database: string): Promise<DatabaseHistory | undefined> {
    const path = `/history?database=${encodeURIComponent(database)}`;
    return (await this.#get(path).catch(() => undefined)) as DatabaseHistory | undefined;
  }

  #restart(): void {
    this.#lastEventId = undefined;
    this.#following.abort();
    this.#following = new AbortController();
    if (this.#touch.kind === 'locked') this.#touch = { kind: 'connecting' };
    this.#readSoon();
    void this.#follow();
  }

  /** Reads the status now, or again after a read in progress. */
  #readSoon(): void {
    if (this.#isReading) this.#isReadAgain = true;
    else void this.#readStatus();
  }

  async #readStatus(): Promise<void> {
    clearTimeout(this.#readTimer);
    this.#isReading = true;
    try {
      const status = (await this.#get('/status')) as Status | undefined;
      if (status) {
        this.#answeredMs = Date.now();
        this.#reach({ kind: 'live' });
        this.#listener.status(status);
      }
    } catch (error) {
      this.#reach({ kind: 'lost', sinceMs: this.#answeredMs, why: whyOf(error) });
    }
    this.#isReading = false;
    if (this.#touch.kind === 'locked') return;
    this.#readTimer = setTimeout(() => void this.#readStatus(), this.#isReadAgain ? 0 : everyMs);
    this.#isReadAgain = false;
  }

  async #readFailovers(): Promise<void> {
    try {
      const answer = (await this.#get(`/failovers?last=${String(lastFailovers)}`)) as
        { readonly failovers: readonly FailoverRecord[] } | undefined;
      if (answer) this.#listener.records(answer.failovers);
    } catch {
      this.#readSoon(); // reports the failure; the next stream reads them again
    }
  }

  /** Follows the events until the next restart. */
  async #follow(): Promise<void> {
    const { signal } = this.#following;
    const isOver = (): boolean => signal.aborted || this.#touch.kind === 'locked';
    while (!isOver()) {
      try {
        await this.#followOnce(signal);
      } catch {
        // Disconnected: reading the status shows why.
      }
      if (isOver()) return;
      this.#readSoon();
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  }

  async #followOnce(signal: AbortSignal): Promise<void> {
    const from = this.#lastEventId;
    const where = from === undefined ? `last=${String(lastEvents)}` : `since=${encodeURIComponent(from)}`;
    const response = await fetch(`/events?level=${this.#level}&${where}`, {
      headers: authorization(),
      signal,
    });
    if (response.status === 401) this.#lock();
    if (!response.ok || !response.body) return;
    const reader = new StreamReader((kind, text) => {
      if (signal.aborted) return;
      if (kind === 'hello') void this.#readFailovers();
      if (kind === 'log') this.#hear(JSON.parse(text) as EventWithSentence);
    });
    const decoder = new TextDecoder();
    const source = response.body.getReader();
    for (;;) {
      const { done, value } = await source.read();
      if (done) return;
      reader.take(decoder.decode(value, { stream: true }));
    }
  }

  #hear(event: EventWithSentence): void {
    this.#lastEventId = event.id;
    this.#listener.event(event);
    if (event.event === 'failover.story') void this.#readFailovers();
    if (changesStatus(event.event)) this.#readSoon();
  }

  /** @returns `undefined` when a token is needed */
  async #get(path: string): Promise<unknown> {
    const deadline = new AbortController();
    const timer = setTimeout(() => {
      deadline.abort(new Error(`no answer within ${String(deadlineMs)} ms`));
    }, deadlineMs);
    try {
      const response = await fetch(path, { headers: authorization(), signal: deadline.signal });
      if (response.status === 401) {
        this.#lock();
        return undefined;
      }
      if (!response.ok) throw new Error(`it answers with status ${String(response.status)}`);
      return await response.json();
    } finally {
      clearTimeout(timer);
    }
  }

  #lock(): void {
    const wasWrong = sessionStorage.getItem(tokenKey) !== null;
    sessionStorage.removeItem(tokenKey);
    if (this.#touch.kind !== 'locked') this.#reach({ kind: 'locked', wasWrong });
  }

  #reach(touch: Touch): void {
    const isSame = touch.kind === this.#touch.kind && touch.kind !== 'locked';
    this.#touch = touch;
    if (!isSame) this.#listener.touch(touch);
  }
}

function authorization(): Record<string, string> {
  const token = sessionStorage.getItem(tokenKey);
  return token === null ? {} : { Authorization: `Bearer ${token}` };
}

/** The messages of browsers differ, and none of them helps. */
function whyOf(error: unknown): string {
  if (error instanceof TypeError) return 'it does not answer';
  return error instanceof Error ? error.message : String(error);
}

function changesStatus(event: EventWithSentence['event']): boolean {
  return !/^(session|log|password)\./.test(event);
}
