import { TunnelError } from '../errors.ts';
import { within } from '../lifecycle/within.ts';
import { formatEndpoint } from '../net/endpoint.ts';
import type { Access } from '../net/tls.ts';
import type { ReplicationInfo } from '../redis/info.ts';
import type { Promotable } from '../sentinel/members/promotable.ts';
import { ReplicationLine, type ReplicationReply } from './replication-line.ts';

/** How long the Sentinels may take to list the replicas, in milliseconds. */
export const listMs = 1_000;
/** How long a server may take to be connected to, and again to answer, in milliseconds. */
export const askMs = 500;
/** More replicas than these are not asked. */
const mostReplicas = 64;

/** What is needed to ask a master and its replicas before a failover. */
export interface CandidatesPort {
  readonly name: string;
  readonly access: Access;
  readonly master: ReplicationLine;
  /** The replicas that Sentinel may promote; `undefined` where no Sentinel says. */
  promotable(): Promise<readonly Promotable[] | undefined>;
  /** Whether the master is still the one of the beginning. */
  isCurrent(): boolean;
}

/** Where the master was when it was asked first. */
export interface Goal {
  readonly offset: number;
  readonly id: string;
  readonly replicas: ReplicationInfo['replicas'];
}

/** The replicas that may be promoted, with a side connection to each that was asked. */
export class Candidates {
  readonly #port: CandidatesPort;
  readonly #lines = new Map<string, ReplicationLine>();

  constructor(port: CandidatesPort) {
    this.#port = port;
  }

  /** @throws TunnelError `ST_FAILOVER_FAILED` where the master does not say where it is */
  async goal(): Promise<Goal> {
    const reply = await this.#port.master.ask(askMs);
    if (reply.kind === 'none') throw this.refusal(`the master gives no INFO replication: ${reply.why}`);
    const { role, offset, id, replicas } = reply.info;
    if (role !== 'master' || offset === undefined || id === undefined)
      throw this.refusal('the INFO replication of the master has no role:master with an offset');
    return { offset, id, replicas };
  }

  /**
   * What Sentinel may promote, or, where no Sentinel says, every replica of the master.
   *
   * @throws TunnelError `ST_FAILOVER_FAILED` where that cannot be known, or where there are too many
   */
  async list(goal: Goal): Promise<readonly Promotable[]> {
    let listed: readonly Promotable[] | undefined;
    await within(
      listMs,
      this.#port.promotable().then((each) => (listed = each)),
    );
    const wanted =
      listed ??
      goal.replicas.map(({ endpoint }) => ({ announced: endpoint, endpoint: undefined, isConnected: true }));
    if (!listed && wanted.length === 0)
      throw this.refusal('no Sentinel lists its replicas, and the master has none connected');
    if (wanted.length > mostReplicas)
      throw this.refusal(
        `${String(wanted.length)} replicas may be promoted, more than ${String(mostReplicas)} are not asked`,
      );
    return wanted;
  }

  async ask({ announced, endpoint }: Promotable): Promise<ReplicationReply> {
    if (!endpoint) return { kind: 'none', why: 'it cannot be reached from here' };
    const key = formatEndpoint(announced);
    const line = this.#lines.get(key) ?? new ReplicationLine(endpoint, this.#port.access);
    this.#lines.set(key, line);
    return await line.ask(askMs);
  }

  refusal(why: string): TunnelError {
    return new TunnelError(
      'ST_FAILOVER_FAILED',
      `Cannot fail "${this.#port.name}" over without loss: ${why}`,
    );
  }

  close(): void {
    for (const line of this.#lines.values()) line.close();
  }
}
