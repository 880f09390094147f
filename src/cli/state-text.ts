import type { DatabaseStatus, ProgramStatus, SaidStatus } from '../admin/status.ts';
import type { HoldView } from '../tunnel/operator-hold.ts';
import { count, lasting } from './plain.ts';
import { clock } from '../telemetry/local-time.ts';
import { printable } from '../printable.ts';

/** The one state that a database is in, for clients, and the one reason for it. */
export interface State {
  /** In capitals where not all is well. */
  readonly word: string;
  /** What it means, for somebody who reads the word for the first time; empty where the word says it. */
  readonly meaning: string;
  /** Why it is so; `undefined` where all is well. */
  readonly reason: string | undefined;
  /** Since when, ISO 8601. */
  readonly since: string;
}

/** What the phases mean in which nothing is served. */
const meanings: Readonly<Record<Exclude<DatabaseStatus['phase'], 'serving'>, string>> = {
  unknown: 'no master is known yet, clients wait',
  fenced: 'the master is changing, connections were cut, clients wait',
  lost: 'there is no usable master, clients wait',
  forbidden: 'the configuration says to refuse clients',
};

/** Whether the tunnel stops, and until when it lets sessions go on; a tunnel of before this was told does not say. */
export type Drain = Pick<ProgramStatus, 'state'> & Partial<Pick<ProgramStatus, 'drainUntil'>>;

/** `, until 17:05:32` */
export function untilWords({ drainUntil }: Drain, now: Date): string {
  return drainUntil ? `, until ${clock(drainUntil, now)}` : '';
}

/** What hinders clients the most comes first: nobody listens, nothing is served, an operator has said so. */
export function stateOf(database: DatabaseStatus, now: Date, program?: Drain): State {
  const { phase, master, standing, since, hold, listen, reason, view } = database;
  if (program?.state === 'draining') {
    const sessions = count((database.counters?.open ?? 0) + (database.counters?.held ?? 0), 'session');
    return { word: 'DRAINING', meaning: `${sessions}${untilWords(program, now)}`, reason: undefined, since };
  }
  if (listen.some(({ open }) => !open))
    return { word: 'NOT LISTENING', meaning: '', reason: printable(reason ?? 'no reason given'), since };
  if (phase !== 'serving') {
    const told = 'reason' in view.phase ? view.phase.reason : reason;
    const known: string = phase;
    return {
      word: known.toUpperCase(),
      meaning: known in meanings ? meanings[phase] : 'not served',
      reason: printable(told ?? 'no reason given'),
      since,
    };
  }
  if (hold) {
    const until = `until ${clock(hold.until, now)}, or "sentinel-tunnel release ${printable(database.name)}"`;
    return {
      word: 'HELD',
      meaning: `new clients wait${refusedWords(hold)}, open sessions stay on ${printable(master ?? '-')}`,
      reason: `${printable(hold.reason)}, ${until}`,
      since: hold.since,
    };
  }
  const verified = standing === 'provisional' ? 'not yet confirmed by Sentinel' : 'confirmed by Sentinel';
  return {
    word: 'SERVING',
    meaning: `${printable(master ?? '-')}, ${verified}`,
    reason: database.ready ? undefined : printable(reason ?? 'no reason given'),
    since,
  };
}

/** A tunnel of before this was told does not say. */
function refusedWords({ holdMs }: Partial<HoldView>): string {
  return holdMs === undefined ? '' : `, each is refused after ${lasting(holdMs)}`;
}

/** Flags with which a Sentinel says that a master is not well. */
const oddFlags: ReadonlySet<string> = new Set(['s_down', 'o_down', 'disconnected']);

export interface SaidText {
  readonly text: string;
  /** `well`: it names the server that is served, and has nothing against it. */
  readonly tone: 'well' | 'plain' | 'odd';
}

/**
 * What a Sentinel says of a database, in words; in capitals what is wrong with the Sentinel.
 *
 * @param standing of that database: a Sentinel that names the master of before says nothing odd before the next one is confirmed
 */
export function saidText(said: SaidStatus, standing: DatabaseStatus['standing']): SaidText {
  const { kind, address, epoch, text, agrees } = said;
  if (kind === 'unknown') return { text: `DOES NOT MONITOR "${printable(said.database)}"`, tone: 'odd' };
  if (kind !== 'address' || address === null) {
    const word = kind === 'unreachable' ? 'NO ANSWER' : 'ERROR';
    return { text: `${word}: ${printable(text ?? 'no reason given')}`, tone: 'odd' };
  }
  const flags = said.flags.filter((flag) => flag !== 'master');
  const named = [
    printable(address),
    ...(epoch === null ? [] : [`epoch ${String(epoch)}`]),
    ...flags.map(printable),
  ].join(', ');
  // Optional: a tunnel of before this was told may be asked.
  if ((said.stranger as boolean | undefined) === true)
    return { text: `STRANGER of another deployment, not counted: ${named}`, tone: 'odd' };
  if (agrees === false && standing === 'provisional')
    return { text: `${named}: the master before, as yet`, tone: 'plain' };
  if (agrees === false) return { text: `DISAGREES: ${named}`, tone: 'odd' };
  if (flags.some((flag) => oddFlags.has(flag))) return { text: named, tone: 'odd' };
  return { text: named, tone: agrees === true ? 'well' : 'plain' };
}
