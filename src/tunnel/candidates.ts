import { within } from '../lifecycle/within.ts';
import type { Access } from '../net/tls.ts';
import type { ReplicationInfo } from '../redis/info.ts';
import { ReplicationConnection, type ReplicationReply } from './replication.ts';
import { TunnelError } from '../errors.ts';
import { formatEndpoint, sameEndpoint, type Endpoint } from '../net/endpoint.ts';
import type { Promotable } from '../sentinel/members/promotable.ts';
import type { MasterView } from '../sentinel/decision/view.ts';

/** How long the Sentinels may take to list the replicas, in milliseconds. */
export const listMs = 1_000;
/** Deadline for connecting to a server, and again for its reply, in milliseconds. */
export const queryMs = 500;
/** No more replicas are queried. */
const mostReplicas = 64;

/** What it takes to query a master and its replicas before a failover. */
export interface CandidatesContext {
  readonly name: string;
  readonly access: Access;
  readonly master: ReplicationConnection;
  /** The replicas that Sentinel may promote; `undefined` where no Sentinel says. */
  promotable(): Promise<readonly Promotable[] | undefined>;
  /** Whether the master is still the same as at the start. */
  isCurrent(): boolean;
}

/** The replication state of the master at its first query. */
export interface MasterOffset {
  readonly offset: number;
  readonly id: string;
  readonly replicas: ReplicationInfo['replicas'];
}

/** The replicas that Sentinel may promote, with a side connection to each. */
export class Candidates {
  readonly #context: CandidatesContext;
  readonly #connections = new Map<string, ReplicationConnection>();

  constructor(context: CandidatesContext) {
    this.#context = context;
  }

  /** @throws TunnelError `ST_FAILOVER_FAILED` when the master does not report its offset */
  async target(): Promise<MasterOffset> {
    const reply = await this.#context.master.query(queryMs);
    if (reply.kind === 'none')
      throw this.refusal(`the master does not answer INFO replication: ${reply.why}`);
    const { role, offset, id, replicas } = reply.info;
    if (role !== 'master' || offset === undefined || id === undefined)
      throw this.refusal('INFO replication of the master has no role:master with an offset');
    return { offset, id, replicas };
  }

  /**
   * @returns the replicas that Sentinel may promote; when no Sentinel answers, every replica of the master
   * @throws TunnelError `ST_FAILOVER_FAILED` when there are none to know of, or too many
   */
  async list(target: MasterOffset): Promise<readonly Promotable[]> {
    let listed: readonly Promotable[] | undefined;
    await within(
      listMs,
      this.#context.promotable().then((each) => (listed = each)),
    );
    const wanted =
      listed ??
      target.replicas.map(({ endpoint }) => ({
        announced: endpoint,
        endpoint: undefined,
        isConnected: true,
      }));
    if (!listed && wanted.length === 0)
      throw this.refusal('no Sentinel lists its replicas, and the master has none connected');
    if (wanted.length > mostReplicas)
      throw this.refusal(
        `${String(wanted.length)} replicas may be promoted, at most ${String(mostReplicas)} can be queried`,
      );
    return wanted;
  }

  async query({ announced, endpoint }: Promotable): Promise<ReplicationReply> {
    if (!endpoint) return { kind: 'none', why: 'it cannot be reached from here' };
    const key = formatEndpoint(announced);
    const connection =
      this.#connections.get(key) ?? new ReplicationConnection(endpoint, this.#context.access);
    this.#connections.set(key, connection);
    return await connection.query(queryMs);
  }

  refusal(why: string): TunnelError {
    return new TunnelError(
      'ST_FAILOVER_FAILED',
      `Cannot fail "${this.#context.name}" over without loss: ${why}`,
    );
  }

  close(): void {
    for (const connection of this.#connections.values()) connection.close();
  }
}

/** Default size of the replication backlog (redis.conf, repl-backlog-size), in bytes. A replica that is further behind needs a full synchronisation when its link breaks. */
export const backlogBytes = 1024 * 1024;

/**
 * @returns the served master
 * @throws TunnelError `ST_FAILOVER_FAILED` when none is served, or when Sentinel has not confirmed it
 */
export function confirmedMaster(name: string, { phase }: MasterView): Endpoint {
  if (phase.kind === 'serving' && phase.standing === 'confirmed') return phase.endpoint;
  const state = phase.kind === 'serving' ? phase.standing : phase.kind;
  throw new TunnelError(
    'ST_FAILOVER_FAILED',
    `Cannot fail "${name}" over: it is ${state}, not serving a confirmed master`,
  );
}

/**
 * Checks that every replica that Sentinel may promote follows the master. Sentinel itself does not: it chooses by information up to
 * ten seconds old, and may promote a master that was just deposed, is no replica yet and has old data.
 *
 * @param mostBehind how many bytes a replica may lack
 * @throws TunnelError `ST_FAILOVER_FAILED` with the first replica that does not follow, and why
 */
export async function assertFollowed(context: CandidatesContext, mostBehind = Infinity): Promise<void> {
  const candidates = new Candidates(context);
  try {
    const target = await candidates.target();
    const replicas = await candidates.list(target);
    const reasons = await Promise.all(
      replicas.map(async (replica) => whyUnfit(replica, await candidates.query(replica), target, mostBehind)),
    );
    const [unfit] = replicas.flatMap(({ announced }, at) => {
      const why = reasons[at];
      return why === undefined ? [] : [`replica ${formatEndpoint(announced)} ${why}`];
    });
    if (unfit !== undefined) throw candidates.refusal(unfit);
    if (!context.isCurrent()) throw candidates.refusal('the master has changed meanwhile');
  } finally {
    candidates.close();
  }
}

function whyUnfit(
  { announced, isConnected }: Promotable,
  reply: ReplicationReply,
  target: MasterOffset,
  mostBehind: number,
): string | undefined {
  const counted = target.replicas.find(({ endpoint }) => sameEndpoint(endpoint, announced));
  if (reply.kind === 'none') {
    // Sentinel does not promote a replica that it has no connection to.
    if (!isConnected) return undefined;
    if (!counted) return `may not follow the master (${reply.why})`;
    return whyBehind(counted.offset, target, mostBehind);
  }
  const { role, isLinked, id, appliedOffset } = reply.info;
  if (role === 'master')
    return 'still reports role:master: Sentinel makes it a replica about ten seconds after a failover';
  if (!isLinked) return 'has no link to the master: it is not synchronised yet';
  if (id !== target.id) return 'replicates from another server than the master';
  return whyBehind(Math.max(appliedOffset ?? 0, counted?.offset ?? 0), target, mostBehind);
}

function whyBehind(offset = 0, target: MasterOffset, mostBehind: number): string | undefined {
  const behind = target.offset - offset;
  return behind > mostBehind ? `lacks the last ${String(behind)} bytes of the master` : undefined;
}
