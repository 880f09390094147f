import type { Endpoint } from '../../src/net/endpoint.ts';
import type { Promotable } from '../../src/sentinel/members/promotable.ts';
import type { Sentinels } from '../../src/sentinel/members/sentinels.ts';
import type { MasterView, Phase } from '../../src/sentinel/decision/view.ts';
import type { MasterWatch, WatchCallbacks, WatchRules } from '../../src/sentinel/watch.ts';

/** What a tunnel uses of the Sentinels and of a watch: the names and types are those of the real ones. */
type SentinelsOfTunnel = Pick<Sentinels, 'watch' | 'unwatch' | 'failover' | 'promotable'>;
type WatchOfTunnel = Pick<
  MasterWatch,
  'adjust' | 'renew' | 'view' | 'replicas' | 'absent' | 'suspect' | 'verify'
>;

/** Sentinels without connections: a test sets the views of their watches. */
export class FakeSentinels implements SentinelsOfTunnel {
  /** Every watch that was begun, in this order. */
  readonly watches: FakeWatch[] = [];

  /** Themselves, for what takes real ones. */
  get sentinels(): Sentinels {
    return asSentinels(this);
  }

  /** The watch that was begun last for a database. */
  of(database: string): FakeWatch {
    const found = this.watches.findLast(({ rules }) => rules.name === database);
    if (!found) throw new Error(`Nobody watches "${database}"`);
    return found;
  }

  watch(rules: WatchRules, callbacks: WatchCallbacks): MasterWatch {
    const watch = new FakeWatch(rules, callbacks);
    this.watches.push(watch);
    const typed: WatchOfTunnel = watch;
    return typed as MasterWatch;
  }

  unwatch(watch: MasterWatch): void {
    const closed = this.watches.find((each) => each === (watch as WatchOfTunnel));
    if (!closed) throw new Error('Nobody has begun this watch');
    closed.isClosed = true;
  }

  failover(): Promise<string> {
    return Promise.resolve('127.0.0.1:26379');
  }

  promotable(): Promise<readonly Promotable[]> {
    return Promise.resolve([]);
  }
}

function asSentinels(fake: SentinelsOfTunnel): Sentinels {
  return fake as Sentinels;
}

/** A watch whose view a test sets. */
export class FakeWatch implements WatchOfTunnel {
  rules: WatchRules;
  readonly callbacks: WatchCallbacks;
  isClosed = false;
  /** The endpoints that were called suspect. */
  readonly suspected: Endpoint[] = [];
  /** The endpoints whose role was to be verified. Each verification lasts until `answer` has settled. */
  readonly verified: Endpoint[] = [];
  answer: Promise<void> = Promise.resolve();
  /** How often credentials were replaced. */
  renewals = 0;
  #view: MasterView;

  constructor(rules: WatchRules, callbacks: WatchCallbacks) {
    this.rules = rules;
    this.callbacks = callbacks;
    this.#view = viewOf(rules.name, 0, {
      kind: 'unknown',
      reason: 'no Sentinel has answered',
      isMissing: false,
    });
  }

  /** Changes the phase, and reports it. */
  turn(generation: number, phase: Phase, more: Partial<MasterView> = {}): void {
    const before = this.#view;
    this.#view = viewOf(this.rules.name, generation, phase, more);
    this.callbacks.steer(this.#view);
    this.callbacks.report({ kind: 'view', view: this.#view, before });
  }

  view(): MasterView {
    return this.#view;
  }

  replicas(): readonly Endpoint[] {
    return [];
  }

  absent(): readonly [] {
    return [];
  }

  adjust(rules: Partial<WatchRules>): void {
    this.rules = { ...this.rules, ...rules };
  }

  renew(): void {
    this.renewals += 1;
  }

  suspect(endpoint: Endpoint): void {
    this.suspected.push(endpoint);
  }

  verify(endpoint: Endpoint): Promise<void> {
    this.verified.push(endpoint);
    return this.answer;
  }
}

export const first: Endpoint = { host: '10.0.0.1', port: 6379 };
export const second: Endpoint = { host: '10.0.0.2', port: 6379 };

/** A view with three Sentinels that agree. */
export function viewOf(
  name: string,
  generation: number,
  phase: Phase,
  more: Partial<MasterView> = {},
): MasterView {
  return {
    name,
    generation,
    phase,
    epoch: generation,
    sentinels: { known: 3, answering: 3, agreeing: 3 },
    dissenting: [],
    strangers: [],
    degraded: [],
    ...more,
  };
}

export function serving(endpoint: Endpoint, standing: 'confirmed' | 'provisional' = 'confirmed'): Phase {
  return { kind: 'serving', endpoint, standing };
}

export function fenced(candidate?: Endpoint): Phase {
  return { kind: 'fenced', reason: 'a failover has begun', candidate };
}

export function lost(named: Endpoint): Phase {
  return { kind: 'lost', reason: 'connection refused', named };
}
