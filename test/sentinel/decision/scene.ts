import { formatEndpoint, type Endpoint } from '../../../src/net/endpoint.ts';
import {
  newBelief,
  nextDeadline,
  type Belief,
  type Roster,
  type Rules,
  type BeliefEvent,
} from '../../../src/sentinel/decision/belief.ts';
import type { Role } from '../../../src/redis/role.ts';
import { step } from '../../../src/sentinel/decision/step.ts';
import { viewOf, type MasterView } from '../../../src/sentinel/decision/view.ts';
import { readAnnouncement } from '../../../src/sentinel/links/announcement.ts';
import type { Answer } from '../../../src/sentinel/links/answer.ts';

export const rules: Rules = {
  name: 'mymaster',
  failover: 'promoted',
  onSentinelLoss: 'serve',
  freshMs: 3000,
  fenceMs: 5000,
  confirmMs: 2500,
  replyMs: 1000,
  lateMs: 5000,
};

const ports: Readonly<Record<string, number>> = { M: 7001, X: 7002, Y: 7003 };

/** The server of a letter: `M` is the first master, `X` and `Y` are replicas. */
function server(letter: string): Endpoint {
  return { host: '127.0.0.1', port: ports[letter] ?? 7999 };
}

export function letterOf(endpoint: Endpoint): string {
  return Object.keys(ports).find((letter) => ports[letter] === endpoint.port) ?? formatEndpoint(endpoint);
}

/** An answer in short: `M1` is server M under epoch 1, `M` the same under no known epoch, the rest is spelt out. */
function answerOf(text: string): Answer {
  if (text === 'unknown') return { kind: 'unknown' };
  if (text === 'unreachable') return { kind: 'unreachable', text: 'ECONNREFUSED' };
  if (text === 'error') return { kind: 'error', text: 'NOAUTH Authentication required.' };
  const epoch = text.length > 1 ? Number(text.slice(1)) : undefined;
  return { kind: 'address', endpoint: server(text.slice(0, 1)), epoch, flags: [] };
}

const roles: Readonly<Record<string, Role>> = {
  master: { kind: 'master' },
  replica: { kind: 'replica' },
  noauth: { kind: 'unverifiable', why: 'NOAUTH' },
  silent: { kind: 'unusable', why: 'silent' },
  astray: { kind: 'unusable', why: 'ENETUNREACH', isAstray: true },
};

/** How an answer is given. */
interface Manner {
  readonly round: number;
  readonly tookMs: number;
  readonly id: string | undefined;
}

/** All of them are configured. */
function rosterOf(sentinels: readonly string[]): Roster {
  return { sentinels, seeds: sentinels };
}

/** A belief to which a test says one thing after another, on a clock of its own. */
export class Scene {
  belief: Belief;
  nowMs = 1000;

  /** The run ids of the Sentinels, by address, where they tell them. */
  ids: Readonly<Record<string, string>> = {};

  constructor(changes: Partial<Rules> = {}, roster: readonly string[] = ['s1', 's2', 's3']) {
    this.belief = newBelief({ ...rules, ...changes }, rosterOf(roster), this.nowMs);
  }

  /** A scene in which M serves, named by all three with epoch 0. */
  static serving(changes: Partial<Rules> = {}, answer = 'M0'): Scene {
    // Twice: the move to the first address makes all earlier answers stale, and the Sentinels are queried again.
    return new Scene(changes)
      .answers(answer, answer, answer)
      .answers(answer, answer, answer)
      .probed('M', 'master');
  }

  hear(event: BeliefEvent): this {
    this.belief = step(this.belief, event, this.nowMs);
    return this;
  }

  /** One Sentinel answers, to a query of the present round or of one `late` rounds before it. */
  answer(sentinel: string, text: string, late = 0): this {
    return this.answered(sentinel, answerOf(text), { round: this.belief.round - late });
  }

  /** One Sentinel answers at once, in the present round, with its known run id. */
  answered(
    sentinel: string,
    answer: Answer,
    { round = this.belief.round, tookMs = 0, id = this.ids[sentinel] }: Partial<Manner> = {},
  ): this {
    return this.hear({ kind: 'answered', sentinel, answer, round, tookMs, id });
  }

  /** The Sentinels of the roster answer in order, in the present round; `-` is no answer. */
  answers(...texts: readonly string[]): this {
    const { round } = this.belief;
    for (const [index, text] of texts.entries()) {
      if (text === '-') continue;
      this.answered(`s${String(index + 1)}`, answerOf(text), { round });
    }
    return this;
  }

  /** One Sentinel says that it is about to promote `to` in place of `from`. */
  promoting(sentinel: string, to: string, from = 'M', name = 'mymaster'): this {
    const [a, b] = [server(to), server(from)].map(({ host, port }) => `${host} ${String(port)}`);
    return this.published(
      sentinel,
      '+failover-state-wait-promotion',
      `slave x ${a ?? ''} @ ${name} ${b ?? ''}`,
    );
  }

  aborted(sentinel: string, name = 'mymaster'): this {
    return this.published(sentinel, '-failover-abort-slave-timeout', `master ${name} 127.0.0.1 7001`);
  }

  published(sentinel: string, channel: string, payload: string): this {
    const announcement = readAnnouncement(channel, payload);
    if (!announcement) throw new Error(`Says nothing: ${payload}`);
    return this.hear({ kind: 'announced', sentinel, announcement, id: this.ids[sentinel] });
  }

  unlinked(sentinel: string): this {
    return this.hear({ kind: 'unsubscribed', sentinel });
  }

  rostered(...roster: readonly string[]): this {
    return this.hear({ kind: 'roster-changed', roster: rosterOf(roster) });
  }

  /** A server answers ROLE, asked under the present generation or one `late` generations before it. */
  probed(letter: string, role: string, late = 0): this {
    const generation = this.belief.generation - late;
    return this.hear({
      kind: 'probed',
      endpoint: server(letter),
      role: roles[role] ?? { kind: 'unusable', why: role },
      generation,
    });
  }

  /** Time passes; the watch looks at its deadline and every 500 ms. */
  pass(ms: number): this {
    const untilMs = this.nowMs + ms;
    while (this.nowMs < untilMs) {
      const nextMs = Math.min(nextDeadline(this.belief), this.nowMs + 500, untilMs);
      this.nowMs = Math.max(nextMs, this.nowMs + 1);
      this.hear({ kind: 'elapsed' });
    }
    return this;
  }

  view(): MasterView {
    return viewOf(this.belief);
  }

  /** Phase, server and generation in short. */
  get now(): string {
    const { phase, generation } = this.view();
    const g = `g${String(generation)}`;
    switch (phase.kind) {
      case 'serving':
        return `serving ${letterOf(phase.endpoint)} ${phase.standing} ${g}`;
      case 'fenced':
        return `fenced ${phase.candidate ? letterOf(phase.candidate) : '-'} ${g}`;
      case 'lost':
        return `lost ${letterOf(phase.named)} ${g}`;
      case 'unknown':
      case 'forbidden':
        return `${phase.kind} ${g}`;
      default:
        return phase;
    }
  }
}
