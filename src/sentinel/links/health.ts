import type { Log } from '../../telemetry/log.ts';
import { refusalOf } from './channels.ts';
import type { SubscriptionEvent } from './subscription.ts';
import type { Answer } from './announcement.ts';

/** A learnt Sentinel that has not answered for so long is forgotten, in milliseconds; it may be named again. */
const forgetMs = 60_000;
/** One that has never answered is not taken up again for so long, in milliseconds. */
const shunMs = 600_000;

/** Which Sentinels answer and what is wrong with the others: told to the log once per change, not per answer. */
export class Health {
  readonly #log: Log;
  /** Since when each has not answered; absent while it does. */
  readonly #downSinceMs = new Map<string, number>();
  readonly #up = new Set<string>();
  /** Who has ever answered. A learnt Sentinel counts only then: its address may mean nothing from where we are. */
  readonly #heard = new Set<string>();
  /** Until when those that could never be reached are not taken up again, whoever names them. */
  readonly #shunned = new Map<string, number>();
  /** The error that a Sentinel last gave for a database, by both their names; for all of them, by its own. */
  readonly #troubles = new Map<string, string>();
  /** What was last told of the channels that each refuses. */
  readonly #refusals = new Map<string, string>();
  /** What was last told of whom each does not say it knows. */
  readonly #reticence = new Map<string, string>();
  /** Who was given a password without having one. */
  readonly #needless = new Set<string>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Whether its latest word was an answer. */
  isUp(sentinel: string): boolean {
    return this.#up.has(sentinel);
  }

  hasAnswered(sentinel: string): boolean {
    return this.#heard.has(sentinel);
  }

  isShunned(sentinel: string): boolean {
    return performance.now() < (this.#shunned.get(sentinel) ?? 0);
  }

  /**
   * Takes in what a Sentinel has answered for one master.
   *
   * @returns `long gone` where it has not answered for so long that a learnt one may be forgotten
   */
  answered(sentinel: string, name: string, answer: Answer): 'long gone' | undefined {
    switch (answer.kind) {
      case 'unreachable':
        return this.#unreachable(sentinel, answer);
      case 'error':
        this.#heard.add(sentinel);
        this.#downSinceMs.delete(sentinel);
        this.#failed(sentinel, name, answer);
        return undefined;
      case 'address':
      case 'unknown':
        this.#heard.add(sentinel);
        this.#well(sentinel, name);
        return undefined;
      default:
        answer satisfies never;
        return undefined;
    }
  }

  /** Tells which channels a Sentinel refuses. */
  subscribed(sentinel: string, event: Exclude<SubscriptionEvent, { kind: 'ended' }>): void {
    const refusal = refusalOf(event);
    if (this.#refusals.get(sentinel) === refusal?.text) return;
    if (!refusal) {
      this.#refusals.delete(sentinel);
      return;
    }
    this.#refusals.set(sentinel, refusal.text);
    this.#log.warn(refusal.event, { sentinel, ...refusal.fields });
  }

  /** Tells that a Sentinel does not say, in a way that can be read, whom it knows. */
  introduced(sentinel: string, trouble: string | undefined): void {
    if (trouble === undefined) this.#reticence.delete(sentinel);
    else if (!this.#reticence.has(sentinel)) {
      this.#reticence.set(sentinel, trouble);
      this.#log.warn('sentinel.unread', { sentinel, reason: trouble });
    }
  }

  /** Tells that several Sentinels answer at one address. */
  isShared(sentinel: string): void {
    this.#log.info('sentinel.shared', { sentinel });
  }

  loggedInNeedlessly(sentinel: string): void {
    if (this.#needless.has(sentinel)) return;
    this.#needless.add(sentinel);
    this.#log.warn('password.needless', { server: sentinel });
  }

  /** Other credentials may be needed where the last were not. */
  forgetNeedless(): void {
    this.#needless.clear();
  }

  /** One that was never reached is not taken up again for a while, whoever names it. */
  shun(sentinel: string): void {
    const nowMs = performance.now();
    for (const [key, untilMs] of this.#shunned) if (untilMs <= nowMs) this.#shunned.delete(key);
    this.#shunned.set(sentinel, nowMs + shunMs);
  }

  /** Forgets all but whom to shun. */
  drop(sentinel: string): void {
    this.#downSinceMs.delete(sentinel);
    this.#up.delete(sentinel);
    this.#heard.delete(sentinel);
    this.#refusals.delete(sentinel);
    this.#reticence.delete(sentinel);
    this.#needless.delete(sentinel);
    for (const trouble of this.#troubles.keys())
      if (trouble === sentinel || trouble.startsWith(`${sentinel} `)) this.#troubles.delete(trouble);
  }

  #well(sentinel: string, name: string): void {
    this.#downSinceMs.delete(sentinel);
    const troubles = [`${sentinel} ${name}`, sentinel];
    const isBetter = troubles.filter((trouble) => this.#troubles.delete(trouble)).length > 0;
    if (isBetter || !this.#up.has(sentinel)) this.#log.info('sentinel.up', { sentinel });
    this.#up.add(sentinel);
  }

  #failed(sentinel: string, name: string, { text, code }: Answer & { kind: 'error' }): void {
    const trouble = code === 'ST_SENTINEL_AUTH' ? sentinel : `${sentinel} ${name}`;
    if (this.#troubles.get(trouble) === text) return;
    this.#troubles.set(trouble, text);
    this.#log.warn('sentinel.down', { sentinel, reason: text, code });
  }

  #unreachable(sentinel: string, { text, code }: Answer & { kind: 'unreachable' }): 'long gone' | undefined {
    const nowMs = performance.now();
    const sinceMs = this.#downSinceMs.get(sentinel);
    if (sinceMs === undefined) {
      this.#downSinceMs.set(sentinel, nowMs);
      this.#up.delete(sentinel);
      this.#troubles.delete(sentinel); // told again, should it refuse us when it is back
    }
    const isNewTrouble = code === 'ST_TLS_FAILED' && this.#troubles.get(sentinel) !== text;
    if (isNewTrouble) this.#troubles.set(sentinel, text);
    if (sinceMs === undefined || isNewTrouble) {
      this.#log.warn('sentinel.down', { sentinel, reason: text, code });
      return undefined;
    }
    return nowMs - sinceMs >= forgetMs ? 'long gone' : undefined;
  }
}
