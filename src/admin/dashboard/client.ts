import type { EventWithSentence } from '../follow.ts';
import type { DatabaseHistory } from '../history.ts';
import type { Status } from '../status.ts';
import type { FailoverRecord } from '../../tunnel/failover-record.ts';
import { StreamReader } from './stream.ts';

/** How we stand with the tunnel. */
export type Touch =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'live' }
  /** It does not answer, since when by our clock, and why. */
  | { readonly kind: 'lost'; readonly sinceMs: number; readonly why: string }
  /** It wants a token: none was given, or the given one is wrong. */
  | { readonly kind: 'locked'; readonly wasWrong: boolean };

export interface Listener {
  status(status: Status): void;
  records(records: readonly FailoverRecord[]): void;
  event(event: EventWithSentence): void;
  touch(touch: Touch): void;
}

export type Level = 'debug' | 'info' | 'warn' | 'error';

/** Between two looks at the status, in milliseconds; an event that may have changed it is followed by one at once. */
const everyMs = 1_000;
/** A tunnel on loopback answers within a few; one that takes longer than this has lost touch, in milliseconds. */
const patienceMs = 2_500;
const againMs = 500;
/** How much of the past is shown. */
const lastEvents = 200;
const lastFailovers = 20;
const tokenKey = 'sentinel-tunnel.token';

/** Reads everything the page shows, and goes on trying by itself when the tunnel is away. */
export class Client {
  readonly #listener: Listener;
  #level: Level = 'info';
  #touch: Touch = { kind: 'connecting' };
  #lastEventId: string | undefined;
  #following = new AbortController();
  #isLooking = false;
  #isWoken = false;
  #lookTimer: ReturnType<typeof setTimeout> | undefined;
  #answeredMs = Date.now();

  constructor(listener: Listener) {
    this.#listener = listener;
  }

  start(): void {
    this.#listener.touch(this.#touch);
    void this.#look();
    void this.#follow();
  }

  /** Takes a token that was typed in; it lives as long as this tab. */
  unlock(token: string): void {
    sessionStorage.setItem(tokenKey, token);
    this.#restart();
  }

  /** Follows events of another level from now on, beginning with the kept ones. */
  listenTo(level: Level): void {
    if (level === this.#level) return;
    this.#level = level;
    this.#restart();
  }

  /** What the tunnel has sampled of a database; `undefined` where it does not answer, which the look finds out, too. */
  async history(database: string): Promise<DatabaseHistory | undefined> {
    const path = `/history?database=${encodeURIComponent(database)}`;
    return (await this.#get(path).catch(() => undefined)) as DatabaseHistory | undefined;
  }

  #restart(): void {
    this.#lastEventId = undefined;
    this.#following.abort();
    this.#following = new AbortController();
    if (this.#touch.kind === 'locked') this.#touch = { kind: 'connecting' };
    this.#wake();
    void this.#follow();
  }

  /** Looks at the status now, and once more after a look that is under way. */
  #wake(): void {
    if (this.#isLooking) this.#isWoken = true;
    else void this.#look();
  }

  async #look(): Promise<void> {
    clearTimeout(this.#lookTimer);
    this.#isLooking = true;
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
    this.#isLooking = false;
    if (this.#touch.kind === 'locked') return;
    this.#lookTimer = setTimeout(() => void this.#look(), this.#isWoken ? 0 : everyMs);
    this.#isWoken = false;
  }

  async #readFailovers(): Promise<void> {
    try {
      const answer = (await this.#get(`/failovers?last=${String(lastFailovers)}`)) as
        { readonly failovers: readonly FailoverRecord[] } | undefined;
      if (answer) this.#listener.records(answer.failovers);
    } catch {
      this.#wake(); // the look says that it is away; the stream begins anew, and reads them again
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
        // Cut off, or never connected: the look finds out what it means.
      }
      if (isOver()) return;
      this.#wake();
      await new Promise((resolve) => setTimeout(resolve, againMs));
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
    if (changesStatus(event.event)) this.#wake();
  }

  /** `undefined` where it is locked. */
  async #get(path: string): Promise<unknown> {
    const deadline = new AbortController();
    const timer = setTimeout(() => {
      deadline.abort(new Error(`no answer within ${String(patienceMs)} ms`));
    }, patienceMs);
    try {
      const response = await fetch(path, { headers: authorization(), signal: deadline.signal });
      if (response.status === 401) {
        this.#lock();
        return undefined;
      }
      if (!response.ok) throw new Error(`it answers with ${String(response.status)}`);
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

/** The words of browsers for it differ, and none of them helps. */
function whyOf(error: unknown): string {
  if (error instanceof TypeError) return 'it does not answer';
  return error instanceof Error ? error.message : String(error);
}

function changesStatus(event: EventWithSentence['event']): boolean {
  return !/^(session|log|password)\./.test(event);
}
