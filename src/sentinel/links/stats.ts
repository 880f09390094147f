import { Histogram, type HistogramView } from '../../telemetry/histogram.ts';
import type { Answer } from './announcement.ts';

/** What one Sentinel last said of one master. */
export interface Said {
  /** The master name. */
  readonly name: string;
  readonly answer: Answer;
  /** Wall clock, ISO 8601. */
  readonly at: string;
  /** How long the answer took, in milliseconds; absent where there was none. */
  readonly latencyMs: number | undefined;
}

/** One Sentinel as an operator sees it. A value; printed as it is. */
export interface SentinelView {
  /** `host:port`. */
  readonly sentinel: string;
  /** Configured, as opposed to named by another Sentinel. */
  readonly isSeed: boolean;
  /** Its run id, where it tells it. */
  readonly id: string | undefined;
  /** The names of the masters for which it has no vote, because no other Sentinel knows it: it belongs to another deployment. */
  readonly strangeTo: readonly string[];
  /** Whether it answers, and not only that it refuses our credentials; `unknown` until it has been asked once. */
  readonly state: 'unknown' | 'up' | 'down';
  /** `subscribed`: its announcements are heard. `refused`: it does not allow that, and is only asked. */
  readonly subscription: 'none' | 'subscribed' | 'refused';
  /** Questions that it has answered, errors included, and those that it has not. */
  readonly answers: number;
  readonly failures: number;
  /** Of the answers, those that were an error. */
  readonly errors: number;
  /** How long its latest answer took, in milliseconds. */
  readonly latencyMs: number | undefined;
  readonly said: readonly Said[];
  /** How long its answers have taken, in seconds. */
  readonly latency: HistogramView;
}

/** In seconds. An answer takes 0.1 ms on loopback, and `replyMs` is 1 s unless set. */
const latencyBounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/** Keeps account of one Sentinel for people. It decides nothing. */
export class Account {
  readonly #said = new Map<string, Said>();
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
      // One that wants another password answers nothing that is asked.
      this.#state = answer.kind === 'error' && answer.code === 'ST_SENTINEL_AUTH' ? 'down' : 'up';
    }
    if (answer.kind === 'error') this.#errors += 1;
    if (tookMs !== undefined) {
      this.#latencyMs = tookMs;
      this.#latency.observe(tookMs / 1000);
    }
    this.#said.set(name, { name, answer, at: new Date().toISOString(), latencyMs: tookMs });
  }

  /** What it last said of a master. */
  saidOf(name: string): Answer | undefined {
    return this.#said.get(name)?.answer;
  }

  /** Forgets what was said of masters that are not watched any more. */
  keepOnly(names: ReadonlySet<string>): void {
    for (const name of this.#said.keys()) if (!names.has(name)) this.#said.delete(name);
  }

  /** One that refuses ends the connection as well; that it refuses is what is to be seen. */
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
      said: Object.freeze([...this.#said.values()]),
      latency: this.#latency.view(),
    });
  }
}
