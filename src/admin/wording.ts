import { clock } from '../telemetry/local-time.ts';
import type { HoldView } from '../tunnel/route.ts';
import type { DatabaseStatus, ProgramStatus, SaidStatus, SentinelStatus } from './status.ts';

/**
 * The wording of states, shared by the command line and the dashboard. It is built for browsers too, so it imports nothing that needs
 * Node.
 */

/** The severity of a state. */
export type Tone = 'good' | 'busy' | 'poor' | 'bad' | 'plain' | 'idle';

/** The state of a database for its clients, and the reason. */
export interface DatabaseWording {
  readonly tone: Tone;
  /** One or two words. */
  readonly word: string;
  /** What it means for clients; empty if the word says it. */
  readonly meaning: string;
  /** The reason; `undefined` for a healthy state. */
  readonly reason: string | undefined;
  /** Since when, ISO 8601. */
  readonly since: string;
}

/** Whether the tunnel drains, and until when; older versions do not report until when. */
export type Drain = Pick<ProgramStatus, 'state'> & Partial<Pick<ProgramStatus, 'drainUntil'>>;

type NotServing = Exclude<DatabaseStatus['phase'], 'serving'>;

const phases: Readonly<Record<NotServing, readonly [Tone, string, string]>> = {
  unknown: ['bad', 'Unknown', 'no master is known yet, clients wait'],
  fenced: ['busy', 'Fenced', 'the master is changing, connections were cut, clients wait'],
  lost: ['bad', 'Lost', 'there is no usable master, clients wait'],
  forbidden: ['bad', 'Forbidden', 'the configuration says to refuse clients'],
};

const noReason = 'no reason given';

/** @returns the state that affects clients most: first a closed listener, then no served master, then a hold */
export function databaseWording(database: DatabaseStatus, now: Date, program?: Drain): DatabaseWording {
  const { phase, master, standing, since, hold, listen, reason, view } = database;
  if (program?.state === 'draining') {
    const sessions = count((database.counters?.open ?? 0) + (database.counters?.held ?? 0), 'session');
    const meaning = `${sessions}${untilWords(program, now)}`;
    return { tone: 'bad', word: 'Draining', meaning, reason: undefined, since };
  }
  if (listen.some(({ open }) => !open))
    return { tone: 'bad', word: 'Not listening', meaning: '', reason: reason ?? noReason, since };
  if (phase !== 'serving') {
    // A newer tunnel may have other phases.
    const [tone, word, meaning] = (phases as Partial<typeof phases>)[phase] ?? ['bad', phase, 'not served'];
    const why = 'reason' in view.phase ? view.phase.reason : reason;
    return { tone, word, meaning, reason: why ?? noReason, since };
  }
  if (hold)
    return {
      tone: 'poor',
      word: 'Held',
      meaning: `new clients wait${refusedAfter(hold)}, open sessions stay on ${master ?? '-'}`,
      reason: `${hold.reason}, until ${clock(hold.until, now)}, or "sentinel-tunnel release ${database.name}"`,
      since: hold.since,
    };
  const confirmed = standing === 'provisional' ? 'not yet confirmed by Sentinel' : 'confirmed by Sentinel';
  return {
    tone: standing === 'provisional' ? 'busy' : 'good',
    word: 'Serving',
    meaning: `${master ?? '-'}, ${confirmed}`,
    reason: database.ready ? undefined : (reason ?? noReason),
    since,
  };
}

/** `, until 17:05:32` */
export function untilWords({ drainUntil }: Drain, now: Date): string {
  return drainUntil ? `, until ${clock(drainUntil, now)}` : '';
}

/** Older versions do not report `holdMs`. */
function refusedAfter({ holdMs }: Partial<HoldView>): string {
  return holdMs === undefined ? '' : `, each is refused after ${lasting(holdMs)}`;
}

/** The reply of a Sentinel for a database. */
export interface SaidWording {
  readonly tone: Tone;
  /** One or two words. */
  readonly word: string;
  readonly detail: string;
  /** Whether the Sentinel is wrong, or gives no usable reply. */
  readonly isFault: boolean;
}

/** Flags of a master that Sentinel considers unhealthy, most severe first. */
const oddFlags = [
  ['o_down', 'agreed: down'],
  ['s_down', 'says: down'],
  ['disconnected', 'disconnected'],
] as const;

/** @param standing of that database: while the new master is provisional, a Sentinel may still name the old one */
export function saidWording(said: SaidStatus, standing: DatabaseStatus['standing']): SaidWording {
  const { kind, address, epoch, text, agrees } = said;
  if (kind === 'unknown')
    return { tone: 'bad', word: 'does not monitor', detail: `"${said.database}"`, isFault: true };
  if (kind !== 'address' || address === null) {
    const word = kind === 'unreachable' ? 'no answer' : 'error';
    return { tone: 'bad', word, detail: text ?? noReason, isFault: true };
  }
  const flags = said.flags.filter((flag) => flag !== 'master');
  const named = [address, ...(epoch === null ? [] : [`epoch ${String(epoch)}`]), ...flags].join(', ');
  // Older versions do not report it.
  if ((said.stranger as boolean | undefined) === true)
    return {
      tone: 'poor',
      word: 'stranger',
      detail: `${named} (another deployment, no vote)`,
      isFault: true,
    };
  if (agrees === false && standing === 'provisional')
    return { tone: 'busy', word: 'not yet', detail: `${named}: still the old master`, isFault: false };
  if (agrees === false) return { tone: 'poor', word: 'disagrees', detail: named, isFault: true };
  const odd = oddFlags.find(([flag]) => flags.includes(flag));
  if (odd) return { tone: 'poor', word: odd[1], detail: named, isFault: false };
  return agrees === true
    ? { tone: 'good', word: 'agrees', detail: named, isFault: false }
    : { tone: 'plain', word: 'answers', detail: named, isFault: false };
}

/** Whether the tunnel receives the announcements of a Sentinel. */
export const subscriptionWords: Readonly<Record<SentinelStatus['subscription'], string>> = {
  subscribed: 'heard',
  refused: 'refused by its ACL',
  none: 'not heard',
};

/** Why the master does not report a replica that the Sentinels list. */
export const absentWords: Readonly<Record<DatabaseStatus['absent'][number]['state'], string>> = {
  down: 'Sentinel reports this replica as down',
  apart: 'this replica is up but does not replicate from the master',
};

/** `1 session`, `2 sessions`, `1,234 sessions`. */
export function count(many: number, what: string): string {
  return `${grouped(many)} ${what}${many === 1 ? '' : 's'}`;
}

/** @returns a whole number in groups of three digits */
export function grouped(number: number): string {
  return String(Math.round(number)).replace(/\B(?=(\d{3})+$)/g, ',');
}

/**
 * A duration in its two largest units: `740 ms`, `12 s`, `3 min 10 s`, `4 h 12 min`, `3 d 4 h`.
 *
 * @param ms milliseconds
 * @param least the smallest unit to show
 */
export function lasting(ms: number, least: 'ms' | 's' = 'ms'): string {
  if (ms < 1_000) return least === 's' ? '0 s' : `${String(Math.max(0, Math.round(ms)))} ms`;
  const seconds = Math.floor(ms / 1_000);
  const units = [
    ['d', Math.floor(seconds / 86_400)],
    ['h', Math.floor(seconds / 3_600) % 24],
    ['min', Math.floor(seconds / 60) % 60],
    ['s', seconds % 60],
  ] as const;
  const first = units.findIndex(([, amount]) => amount > 0);
  const shown = units.slice(first, first + 2).filter(([, amount], index) => index === 0 || amount > 0);
  return shown.map(([unit, amount]) => `${String(amount)} ${unit}`).join(' ');
}

/** `0 B`, `1.25 MB`, `12.3 kB`: three digits and powers of ten, as on network interfaces. */
export function bytes(amount: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let value = Math.max(0, amount);
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[unit] ?? ''}`;
}
