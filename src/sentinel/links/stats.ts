import { Histogram, type HistogramView } from '../../telemetry/histogram.ts';
import type { Answer } from './answer.ts';

/** What one Sentinel last answered about one master. */
export interface LastAnswer {
  /** The master name. */
  readonly name: string;
  readonly answer: Answer;
  /** Wall clock, ISO 8601. */
  readonly at: string;
  /** How long the answer took, in milliseconds; `undefined` where there was none. */
  readonly latencyMs: number | undefined;
}

/** One Sentinel as an operator sees it. A value that is printed as it is. */
export interface SentinelView {
  /** `host:port`. */
  readonly sentinel: string;
  /** Whether it is configured; otherwise another Sentinel lists it. */
  readonly isSeed: boolean;
  /** Its run id, where it tells it. */
  readonly id: string | undefined;
  /** The names of the masters for which it has no vote, because it belongs to another deployment: no other Sentinel knows it. */
  readonly strangeTo: readonly string[];
  /** `up`: it answers, and accepts our credentials. `unknown`: it has not been queried yet. */
  readonly state: 'unknown' | 'up' | 'down';
  /** `subscribed`: we receive its announcements. `refused`: it does not allow that, so it is only queried. */
  readonly subscription: 'none' | 'subscribed' | 'refused';
  /** Queries that it has answered, errors included, and queries that it has not answered. */
  readonly answers: number;
  readonly failures: number;
  /** The answers that were an error. */
  readonly errors: number;
  /** How long its latest answer took, in milliseconds. */
  readonly latencyMs: number | undefined;
  readonly said: readonly LastAnswer[];
  /** How long its answers took, in seconds. */
  readonly latency: HistogramView;
}

/** In seconds. An answer takes 0.1 ms on loopback, and `replyMs` is 1 s unless set. */
const latencyBounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/** Counts what one Sentinel answers, for people. Nothing is decided by it. */
export class SentinelStats {
  readonly #last = new Map<string, LastAnswer>();
  readonly #latency = new Histogram(latencyBounds);
  #state: SentinelView['state'] = 'unknown';
  #subscription: SentinelView['subscription'] = 'none';
  #answers = 0;
  #failures = 0;
  #errors = 0;
  #latencyMs: number | undefined;

  /** @param tookMs how long the answer took, in milliseconds; `undefined` where there was none */
  answered(name: string, answer: Answer, tookMs: number | undefined): void {
    if (answer.kind === 'unreachable') {
      this.#failures += 1;
      this.#state = 'down';
    } else {
      this.#answers += 1;
      // A Sentinel that wants another password answers no query.
      this.#state = answer.kind === 'error' && answer.code === 'ST_SENTINEL_AUTH' ? 'down' : 'up';
    }
    if (answer.kind === 'error') this.#errors += 1;
    if (tookMs !== undefined) {
      this.#latencyMs = tookMs;
      this.#latency.observe(tookMs / 1000);
    }
    this.#last.set(name, { name, answer, at: new Date().toISOString(), latencyMs: tookMs });
  }

  /** @returns its last answer about a master */
  lastAnswer(name: string): Answer | undefined {
    return this.#last.get(name)?.answer;
  }

  /** Forgets the answers about masters that are not watched any more. */
  keepOnly(names: ReadonlySet<string>): void {
    for (const name of this.#last.keys()) if (!names.has(name)) this.#last.delete(name);
  }

  /** A refusal ends the connection as well, and `refused` stays. */
  subscription(kind: 'subscribed' | 'refused' | 'ended'): void {
    if (kind !== 'ended') this.#subscription = kind;
    else if (this.#subscription === 'subscribed') this.#subscription = 'none';
  }

  view(member: Pick<SentinelView, 'sentinel' | 'isSeed' | 'id' | 'strangeTo'>): SentinelView {
    return Object.freeze({
      ...member,
      state: this.#state,
      subscription: this.#subscription,
      answers: this.#answers,
      failures: this.#failures,
      errors: this.#errors,
      latencyMs: this.#latencyMs,
      said: Object.freeze([...this.#last.values()]),
      latency: this.#latency.view(),
    });
  }
}
