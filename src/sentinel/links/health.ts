import type { Log } from '../../telemetry/log.ts';
import { effectOfMissing } from './announcement.ts';
import type { Answer } from './answer.ts';
import type { SubscriptionEvent } from './subscription.ts';

/** A learnt Sentinel that has not answered for this long is forgotten, in milliseconds; it may be listed again. */
const forgetMs = 60_000;
/** A learnt Sentinel that has never answered is not added again for this long, in milliseconds. */
const shunMs = 600_000;

/** Which Sentinels answer, and what is wrong with the others. Logs each change once, and not every answer. */
export class Health {
  readonly #log: Log;
  /** Since when each Sentinel has not answered; absent while it does. */
  readonly #downSinceMs = new Map<string, number>();
  readonly #up = new Set<string>();
  /** The Sentinels that have ever answered. A learnt one counts only then: its address may mean nothing from here. */
  readonly #answered = new Set<string>();
  /** Until when Sentinels that could never be reached are not added again. */
  readonly #shunned = new Map<string, number>();
  /** The last logged error of a Sentinel, by `sentinel name`, or by `sentinel` where it concerns every database. */
  readonly #errors = new Map<string, string>();
  /** The last logged refusal of channels. */
  readonly #refusals = new Map<string, string>();
  /** The Sentinels whose lists of peers cannot be read. */
  readonly #unread = new Set<string>();
  /** The Sentinels that require no password, but have one configured. */
  readonly #passwordNotNeeded = new Set<string>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Whether it has answered a query without an error, and has not been unreachable since. */
  isUp(sentinel: string): boolean {
    return this.#up.has(sentinel);
  }

  hasAnswered(sentinel: string): boolean {
    return this.#answered.has(sentinel);
  }

  isShunned(sentinel: string): boolean {
    return performance.now() < (this.#shunned.get(sentinel) ?? 0);
  }

  /**
   * Takes note of an answer about one master.
   *
   * @returns whether the Sentinel has been silent for so long that a learnt one may be forgotten
   */
  answered(sentinel: string, name: string, answer: Answer): boolean {
    switch (answer.kind) {
      case 'unreachable':
        return this.#unreachable(sentinel, answer);
      case 'error':
        this.#answered.add(sentinel);
        this.#downSinceMs.delete(sentinel);
        this.#failed(sentinel, name, answer);
        return false;
      case 'address':
      case 'unknown':
        this.#answered.add(sentinel);
        this.#succeeded(sentinel, name);
        return false;
      default:
        answer satisfies never;
        return false;
    }
  }

  /** Logs the channels that a Sentinel refuses. */
  subscribed(sentinel: string, event: Exclude<SubscriptionEvent, { kind: 'ended' }>): void {
    const refused = event.kind === 'refused' ? event.why : event.refused.join(', ');
    if ((this.#refusals.get(sentinel) ?? '') === refused) return;
    this.#refusals.set(sentinel, refused);
    if (event.kind === 'refused') this.#log.warn('sentinel.polling-only', { sentinel, reason: refused });
    else if (refused !== '')
      this.#log.warn('sentinel.partly-heard', { sentinel, refused, effect: effectOfMissing(event.refused) });
  }

  /** Logs that the peers of a Sentinel cannot be read. @param trouble why; `undefined` where they can */
  peersListed(sentinel: string, trouble: string | undefined): void {
    if (trouble === undefined) this.#unread.delete(sentinel);
    else if (!this.#unread.has(sentinel)) {
      this.#unread.add(sentinel);
      this.#log.warn('sentinel.unread', { sentinel, reason: trouble });
    }
  }

  /** Logs that several Sentinels answer at one address. */
  foundShared(sentinel: string): void {
    this.#log.info('sentinel.shared', { sentinel });
  }

  /** Logs that a Sentinel requires no password, but one is configured. */
  passwordNotNeeded(sentinel: string): void {
    if (this.#passwordNotNeeded.has(sentinel)) return;
    this.#passwordNotNeeded.add(sentinel);
    this.#log.warn('password.needless', { server: sentinel });
  }

  /** The credentials have changed. */
  credentialsChanged(): void {
    this.#passwordNotNeeded.clear();
  }

  /** Keeps a Sentinel that was never reached from being added again for a while. */
  shun(sentinel: string): void {
    const nowMs = performance.now();
    for (const [key, untilMs] of this.#shunned) if (untilMs <= nowMs) this.#shunned.delete(key);
    this.#shunned.set(sentinel, nowMs + shunMs);
  }

  /** Forgets a Sentinel, but not that it is shunned. */
  drop(sentinel: string): void {
    this.#downSinceMs.delete(sentinel);
    this.#up.delete(sentinel);
    this.#answered.delete(sentinel);
    this.#refusals.delete(sentinel);
    this.#unread.delete(sentinel);
    this.#passwordNotNeeded.delete(sentinel);
    for (const key of this.#errors.keys())
      if (key === sentinel || key.startsWith(`${sentinel} `)) this.#errors.delete(key);
  }

  #succeeded(sentinel: string, name: string): void {
    this.#downSinceMs.delete(sentinel);
    const had = [`${sentinel} ${name}`, sentinel].filter((key) => this.#errors.delete(key));
    if (had.length > 0 || !this.#up.has(sentinel)) this.#log.info('sentinel.up', { sentinel });
    this.#up.add(sentinel);
  }

  #failed(sentinel: string, name: string, { text, code }: Answer & { kind: 'error' }): void {
    const key = code === 'ST_SENTINEL_AUTH' ? sentinel : `${sentinel} ${name}`;
    if (this.#errors.get(key) === text) return;
    this.#errors.set(key, text);
    this.#log.warn('sentinel.down', { sentinel, reason: text, code });
  }

  #unreachable(sentinel: string, { text, code }: Answer & { kind: 'unreachable' }): boolean {
    const nowMs = performance.now();
    const sinceMs = this.#downSinceMs.get(sentinel);
    if (sinceMs === undefined) {
      this.#downSinceMs.set(sentinel, nowMs);
      this.#up.delete(sentinel);
      this.#errors.delete(sentinel); // logged again if it still denies us when it is back
    }
    const isNewError = code === 'ST_TLS_FAILED' && this.#errors.get(sentinel) !== text;
    if (isNewError) this.#errors.set(sentinel, text);
    if (sinceMs === undefined || isNewError) {
      this.#log.warn('sentinel.down', { sentinel, reason: text, code });
      return false;
    }
    return nowMs - sinceMs >= forgetMs;
  }
}
