import { TunnelError } from '../errors.ts';
import { within } from '../lifecycle/within.ts';
import { formatEndpoint, sameEndpoint } from '../net/endpoint.ts';
import type { Access } from '../net/tls.ts';
import type { Promotable } from '../sentinel/promotable.ts';
import { ReplicationLine, type ReplicationReply } from './replication-line.ts';

/** That every replica which may be promoted has what the master had. */
export interface CatchUp {
  /** How many may be promoted. */
  readonly replicas: number;
  /** The offset that all of them had reached: that of the master when the clients were at rest. */
  readonly offset: number;
  /** How long it took until all of them had it, in milliseconds. */
  readonly tookMs: number;
}

/** What the wait for replicas needs of a graceful failover. */
export interface CatchUpPort {
  readonly name: string;
  readonly access: Access;
  readonly master: ReplicationLine;
  /** The replicas that Sentinel may promote; `undefined` where no Sentinel says. */
  promotable(): Promise<readonly Promotable[] | undefined>;
  /** Whether the master is still the one of the beginning. */
  isCurrent(): boolean;
}

/** How long replicas may take unless it is said, and the longest, in milliseconds. */
export const usualMaxLagWaitMs = 3_000;
export const longestMaxLagWaitMs = 60_000;
/** How long the Sentinels may take to list the replicas, in milliseconds. */
const listMs = 1_000;
const askMs = 500;
const lookEveryMs = 10;
/** What the wait may take longer than it is given: the first questions, and the last. In milliseconds. */
export const catchUpSlackMs = 2 * listMs + 4 * askMs;
/** More replicas than these are not asked. */
const mostReplicas = 64;

type Info = Extract<ReplicationReply, { kind: 'info' }>;

/** Where the master was when nobody could write through us any more. */
interface Goal {
  readonly offset: number;
  readonly id: string;
  readonly replicas: Info['replicas'];
}

/**
 * Waits until every replica that Sentinel may promote has what the master has now. The offset of now is what counts, however
 * far the master goes on meanwhile: it does so without a client of ours, by its pings, by what Sentinels publish and by the
 * writes of others.
 *
 * @param withinMs how long to wait, in milliseconds
 * @throws TunnelError `ST_FAILOVER_FAILED` with what is missing
 */
export async function awaitCatchUp(port: CatchUpPort, withinMs: number): Promise<CatchUp> {
  const beganMs = performance.now();
  const lines = new Map<string, ReplicationLine>();
  try {
    const goal = goalIn(port, await port.master.ask(askMs));
    for (let wanted = await promotable(port, goal); ;) {
      const missing = await whatIsMissing(port, goal, wanted, lines);
      const tookMs = performance.now() - beganMs;
      if (missing === undefined) {
        // A replica may have become fit meanwhile.
        const now = await promotable(port, goal);
        const isSame = now.every((each) => wanted.some((one) => sameEndpoint(one.announced, each.announced)));
        if (isSame) return { replicas: wanted.length, offset: goal.offset, tookMs: Math.round(tookMs) };
        wanted = now;
      }
      if (tookMs >= withinMs)
        throw refusal(port, `${missing ?? 'the replicas change'}, after ${String(Math.round(tookMs))} ms`);
      if (missing !== undefined) await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
    }
  } finally {
    for (const line of lines.values()) line.close();
  }
}

function goalIn(port: CatchUpPort, reply: ReplicationReply): Goal {
  if (reply.kind === 'none') throw refusal(port, `the master gives no INFO replication: ${reply.why}`);
  const { role, offset, id } = reply.info;
  if (role !== 'master' || offset === undefined || id === undefined)
    throw refusal(port, 'the INFO replication of the master has no role:master with an offset');
  return { offset, id, replicas: reply.replicas };
}

/** What Sentinel may promote, or, where no Sentinel says, every replica of the master. */
async function promotable(port: CatchUpPort, goal: Goal): Promise<readonly Promotable[]> {
  let listed: readonly Promotable[] | undefined;
  await within(
    listMs,
    port.promotable().then((each) => (listed = each)),
  );
  const wanted =
    listed ?? goal.replicas.map(({ endpoint }) => ({ announced: endpoint, endpoint: undefined }));
  if (!listed && wanted.length === 0)
    throw refusal(port, 'no Sentinel lists its replicas, and the master has none connected');
  if (wanted.length > mostReplicas)
    throw refusal(
      port,
      `${String(wanted.length)} replicas may be promoted, more than ${String(mostReplicas)} are not asked`,
    );
  return wanted;
}

/** Asks the master and every replica once. @returns `undefined` where all have reached the goal */
async function whatIsMissing(
  port: CatchUpPort,
  goal: Goal,
  wanted: readonly Promotable[],
  lines: Map<string, ReplicationLine>,
): Promise<string | undefined> {
  const [master, ...replies] = await Promise.all([
    port.master.ask(askMs),
    ...wanted.map((replica) => askReplica(port, replica, lines)),
  ]);
  const isOther = master.kind === 'info' && (master.info.role !== 'master' || master.info.id !== goal.id);
  if (isOther || !port.isCurrent()) throw refusal(port, 'the master has changed meanwhile');
  const counted = master.kind === 'info' ? master.replicas : [];
  for (const [index, replica] of wanted.entries()) {
    const reply = replies[index] ?? { kind: 'none', why: 'not asked' };
    const own = reply.kind === 'info' && reply.info.id === goal.id ? reply.info.appliedOffset : undefined;
    // What the master counts is up to a second old, and never ahead: it will do where the replica cannot be asked.
    const acknowledged = counted.find(({ endpoint }) => sameEndpoint(endpoint, replica.announced))?.offset;
    const offset = Math.max(own ?? 0, acknowledged ?? 0);
    if (offset >= goal.offset) continue;
    const who = `replica ${formatEndpoint(replica.announced)}`;
    if (offset > 0)
      return `${who} lacks the last ${String(goal.offset - offset)} bytes of the master${said(reply)}`;
    return `${who} is not known to follow the master${said(reply)}`;
  }
  return undefined;
}

function said(reply: ReplicationReply): string {
  return reply.kind === 'none' ? ` (${reply.why})` : '';
}

async function askReplica(
  { access }: CatchUpPort,
  { announced, endpoint }: Promotable,
  lines: Map<string, ReplicationLine>,
): Promise<ReplicationReply> {
  if (!endpoint) return { kind: 'none', why: 'it cannot be reached from here' };
  const key = formatEndpoint(announced);
  const line = lines.get(key) ?? new ReplicationLine(endpoint, access);
  lines.set(key, line);
  return await line.ask(askMs);
}

function refusal({ name }: CatchUpPort, why: string): TunnelError {
  return new TunnelError('ST_FAILOVER_FAILED', `Cannot fail "${name}" over without loss: ${why}`);
}
