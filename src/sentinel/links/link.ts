import { messageOf, TunnelError } from '../../errors.ts';
import { Backoff } from '../../lifecycle/backoff.ts';
import type { AddressMap } from '../../net/address-map.ts';
import { formatEndpoint, type Endpoint } from '../../net/endpoint.ts';
import type { Access } from '../../net/tls.ts';
import { timedOut } from '../../redis/connection-errors.ts';
import type { Connection } from '../../redis/connection.ts';
import { ReplyError } from '../../redis/resp.ts';
import { readAnswer, readMyId, type Answer } from './answer.ts';
import { deniedMs, isUnavailable } from './denial.ts';
import { Pulse } from './pulse.ts';
import {
  connectToSentinel,
  masterCommands,
  myIdCommand,
  peersCommands,
  peersFrom,
  querySentinel,
  type Peers,
  type ServerPorts,
} from './query.ts';
import { Subscription, type SubscriptionCallbacks } from './subscription.ts';

/** A query for one master. */
export interface MasterQuery {
  /** Whose query it is: two watches may query one name. */
  readonly watch: object;
  readonly name: string;
  /** The query round of the watch: an answer to an older one is stale. */
  readonly round: number;
  /** The port of every server of the master, in place of the announced ones; `undefined` for those. */
  readonly port: number | undefined;
}

/** An answer, and who gave it when. */
export interface TimedAnswer {
  readonly answer: Answer;
  /** The run id of the Sentinel that gave it, where it tells it. */
  readonly id: string | undefined;
  /** How long it took, or has been waited for, in milliseconds. */
  readonly tookMs: number;
}

/** How a link talks to its Sentinel. A link keeps the settings that it was made with. */
export interface LinkSettings {
  /** An answer is late after this, in milliseconds. */
  readonly replyMs: number;
  readonly addressMap: AddressMap;
  readonly access: Access;
}

/** What a link needs, and what it reports. The callbacks must not throw. */
export interface LinkCallbacks extends SubscriptionCallbacks<SentinelLink> {
  /** The queries of the next round. */
  queries(): readonly MasterQuery[];
  /** How long to wait for the next round, in milliseconds: shorter while a master is missing. */
  roundEveryMs(): number;
  answered(link: SentinelLink, query: MasterQuery, given: TimedAnswer): void;
  /** Who the Sentinel is and which Sentinels and replicas it knows; from time to time. */
  peersListed(link: SentinelLink, peers: readonly Peers[]): void;
  /** It requires no password, but one is configured. */
  passwordNotNeeded(link: SentinelLink): void;
}

/** Two rounds never begin closer together than this, however many hints there are; in milliseconds. */
const floorMs = 20;
/** How often a Sentinel is asked for its peers, in milliseconds. */
const peersEveryMs = 10_000;
/** The same while a Sentinel is not known yet: Sentinels hear of each other every 2 s (redis 7.0.15, sentinel.c, SENTINEL_PUBLISH_PERIOD). */
const peersSoonMs = 1_000;
const firstRetryMs = 250;
const maxRetryMs = 5_000;

const patientMs = 5_000;

/**
 * How long an answer is waited for, in milliseconds. It counts until then: on busy hosts every Sentinel may take longer
 * than `replyMs`.
 */
export function lateMsOf(replyMs: number): number {
  return Math.max(replyMs, patientMs);
}

/** The outcome of a query round. */
type Outcome = 'answered' | 'denied' | 'failed' | 'late' | 'again';

/** A connection for queries, and the run id of the Sentinel that it led to. */
interface QueryLine {
  readonly connection: Connection;
  readonly id: string | undefined;
  /** Whether we closed it: then the failure of its queries is no news. */
  isAbandoned: boolean;
}

/**
 * Everything between us and one Sentinel: one connection for queries and one for the subscription, each opened again when
 * it ends. It reports what it receives, and decides nothing.
 */
export class SentinelLink {
  readonly endpoint: Endpoint;
  /** `host:port`. */
  readonly key: string;
  readonly settings: LinkSettings;
  readonly #callbacks: LinkCallbacks;
  readonly #closing = new AbortController();
  readonly #backoff = new Backoff(firstRetryMs, maxRetryMs);
  readonly #pulse: Pulse;
  readonly #subscription: Subscription<SentinelLink>;
  readonly #lateMs: number;
  #line: QueryLine | undefined;
  /** Aborts the opening of a line. */
  #opening: AbortController | undefined;
  /** A line whose answers are late. If they come, it becomes the line again. */
  #lateLine: QueryLine | undefined;
  /** When the newest answered query was sent. */
  #answeredSentMs = -Infinity;
  /** When an answer is late: longer than `replyMs` if the last one took long. */
  #patienceMs: number;
  /** The callers of `refreshed` that wait for a round that has not begun yet. */
  #waiting: (() => void)[] = [];
  #peersSentMs = -Infinity;
  #isListingPeers = false;
  #deniedUntilMs = -Infinity;
  /** `SENTINEL MASTER` is not available to us: another attempt only fills the ACL log of the Sentinel. */
  #isWithoutEpoch = false;

  constructor(endpoint: Endpoint, settings: LinkSettings, callbacks: LinkCallbacks) {
    const { replyMs, access } = settings;
    this.endpoint = endpoint;
    this.key = formatEndpoint(endpoint);
    this.settings = settings;
    this.#callbacks = callbacks;
    this.#lateMs = lateMsOf(replyMs);
    this.#patienceMs = replyMs;
    this.#pulse = new Pulse(floorMs, () => this.#round());
    this.#subscription = new Subscription(this, { endpoint, access, replyMs: this.#lateMs }, callbacks);
  }

  start(): void {
    this.#subscription.start();
    this.#pulse.start();
  }

  /** Sends all queries now, or as soon as the floor allows. */
  wake(): void {
    if (performance.now() < this.#deniedUntilMs) return; // a hint does not change what only an operator can
    this.#pulse.wake();
  }

  /**
   * Resolves when the Sentinel has answered queries sent from now on, and everything that it published until now has been
   * reported; or when it can do neither.
   */
  async refreshed(): Promise<void> {
    const answered = new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
    });
    this.#pulse.wake();
    await Promise.all([answered, this.#subscription.flushed()]);
  }

  /** Lists the peers at the next round, or `peersSoonMs` after the last time. */
  listPeersSoon(): void {
    const dueMs = performance.now() - peersEveryMs + peersSoonMs;
    this.#peersSentMs = Math.min(this.#peersSentMs, dueMs);
    this.#listPeersWhenDue();
  }

  close(): void {
    this.#closing.abort();
    this.#pulse.close();
    this.#subscription.close();
    this.#opening?.abort();
    this.#line?.connection.close();
    this.#lateLine?.connection.close();
  }

  /** One query round. @returns the wait until the next one, in milliseconds */
  async #round(): Promise<number> {
    const waiting = this.#waiting.splice(0);
    const wasOpen = this.#line !== undefined;
    const outcome = await this.#queryAll();
    if (this.#closing.signal.aborted) return 0;
    if (outcome === 'failed' && wasOpen && waiting.length > 0) {
      // The connection may have broken while this process was suspended: a new one is tried first.
      this.#waiting.push(...waiting);
      return 0;
    }
    for (const resolve of waiting) resolve();
    switch (outcome) {
      case 'answered':
        this.#listPeersWhenDue();
        return this.#callbacks.roundEveryMs();
      case 'denied':
        return deniedMs;
      case 'again':
        return 0;
      case 'failed':
      case 'late':
        return this.#backoff.next();
    }
  }

  /** Sends all queries, on a new line if there is none. */
  async #queryAll(): Promise<Outcome> {
    const beganMs = performance.now();
    let line = this.#line;
    try {
      line ??= await this.#open();
    } catch (error) {
      if (this.#line) return 'again'; // the late answers have come meanwhile
      const isTimeout = error instanceof TunnelError && error.code === 'ST_SENTINEL_TIMEOUT';
      if (isTimeout) this.#patienceMs = Math.min(this.#patienceMs * 2, this.#lateMs);
      const isLate = isTimeout && this.#lateLine !== undefined;
      return this.#failed(error, this.#callbacks.queries(), beganMs, isLate);
    }
    if (this.#line && this.#line !== line) {
      abandon(line); // the late answers came just as this line was open
      return 'again';
    }
    this.#line = line;
    // Opening takes a while: these are the queries of now, not of the beginning.
    const unanswered = new Set(this.#callbacks.queries());
    let late: NodeJS.Timeout | undefined;
    const outcome = await Promise.race([
      this.#queryOn(line, unanswered),
      new Promise<'late'>((resolve) => {
        late = setTimeout(() => {
          resolve('late');
        }, this.#patienceMs);
      }),
    ]);
    clearTimeout(late);
    if (outcome === 'late') this.#becameLate(line, unanswered);
    return outcome;
  }

  /** Sends queries on one line and reports each answer as it comes. Removes answered queries from `unanswered`. */
  async #queryOn(line: QueryLine, unanswered: Set<MasterQuery>): Promise<Outcome> {
    const sentMs = performance.now();
    try {
      const answers = await Promise.all(
        [...unanswered].map(async (query) => {
          const given = await this.#query(line, query, sentMs);
          unanswered.delete(query);
          this.#report(query, given, sentMs);
          return given.answer;
        }),
      );
      this.#answeredOn(line, sentMs);
      const isDenied =
        answers.length > 0 && answers.every((answer) => answer.kind === 'error' && answer.code !== undefined);
      this.#deniedUntilMs = isDenied ? performance.now() + deniedMs : -Infinity;
      if (!isDenied) return 'answered';
      // Credentials are sent when a connection begins, and by the next round they may be accepted.
      line.connection.close();
      return 'denied';
    } catch (error) {
      line.connection.close();
      return line.isAbandoned ? 'failed' : this.#failed(error, [...unanswered], sentMs);
    }
  }

  /** Reports why there is no answer to these queries. */
  #failed(error: unknown, unanswered: readonly MasterQuery[], sentMs: number, isLate = false): Outcome {
    const code = error instanceof TunnelError ? error.code : undefined;
    const isDenied = code === 'ST_SENTINEL_AUTH';
    this.#deniedUntilMs = isDenied ? performance.now() + deniedMs : -Infinity;
    const what = { text: messageOf(error), ...(code && { code }) };
    const answer: Answer = isDenied
      ? { kind: 'error', ...what }
      : { kind: 'unreachable', ...what, ...(isLate && { isLate }) };
    const tookMs = performance.now() - sentMs;
    for (const query of unanswered) this.#report(query, { answer, id: undefined, tookMs }, sentMs);
    return isDenied ? 'denied' : 'failed';
  }

  /** An answer counts whenever it comes, unless a newer query has been answered. */
  #report(query: MasterQuery, given: TimedAnswer, sentMs: number): void {
    if (this.#closing.signal.aborted || sentMs < this.#answeredSentMs) return;
    this.#callbacks.answered(this, query, given);
  }

  /**
   * The answers are late, and may still come: their line is kept beside a new one, which is needed if the old one is dead.
   * At most one late line is kept, the oldest.
   */
  #becameLate(line: QueryLine, unanswered: ReadonlySet<MasterQuery>): void {
    if (this.#line === line) this.#line = undefined;
    if (!this.#lateLine) this.#lateLine = line;
    else if (this.#lateLine !== line) abandon(line);
    const tookMs = this.#patienceMs;
    const { message: text, code } = timedOut(
      'sentinel',
      this.endpoint,
      'has not answered',
      Math.round(tookMs),
    );
    const answer: Answer = { kind: 'unreachable', text, code, isLate: true };
    for (const query of unanswered) this.#callbacks.answered(this, query, { answer, id: undefined, tookMs });
  }

  /** Every query was answered on this line: it is used from now on, and an older one is closed. */
  #answeredOn(line: QueryLine, sentMs: number): void {
    this.#answeredSentMs = Math.max(sentMs, this.#answeredSentMs);
    this.#backoff.reset();
    const other = this.#lateLine === line ? this.#line : this.#lateLine;
    this.#lateLine = undefined;
    if (line.connection.whyEnded()) return;
    this.#line = line;
    if (other && other !== line) abandon(other);
    this.#opening?.abort();
  }

  async #open(): Promise<QueryLine> {
    const opening = new AbortController();
    this.#opening = opening;
    try {
      const { signal } = opening;
      const { access } = this.settings;
      const connection = await connectToSentinel(this.endpoint, this.#patienceMs, { access, signal });
      if (connection.login.kind === 'needless') this.#callbacks.passwordNotNeeded(this);
      this.#isWithoutEpoch = false;
      // Redis before 6.2 and Redis Enterprise do not know MYID; such a Sentinel is identified by its address.
      const id = readMyId(await connection.send(myIdCommand, this.#patienceMs));
      const line: QueryLine = { connection, id, isAbandoned: false };
      connection.onEnded(() => {
        // The next round opens another line. To wake it would cause a hot loop on a Sentinel that answers and closes.
        if (this.#line === line) this.#line = undefined;
        if (this.#lateLine === line) this.#lateLine = undefined;
      });
      return line;
    } finally {
      this.#opening = undefined;
    }
  }

  async #query(
    { connection, id }: QueryLine,
    { name, port }: MasterQuery,
    sentMs: number,
  ): Promise<TimedAnswer> {
    // The epoch comes first: if the address changes between the two, a new address comes with the old epoch and counts
    // for little until the next round, and never an old address with the new epoch.
    const [master, address] = await Promise.all([
      this.#isWithoutEpoch ? null : connection.send(masterCommands.master(name), this.#lateMs),
      connection.send(masterCommands.address(name), this.#lateMs),
    ]);
    const { isRemote } = connection;
    const answer = readAnswer(address, master, { map: this.settings.addressMap, isRemote, port });
    if (master instanceof ReplyError && isUnavailable(master.text)) this.#isWithoutEpoch = true;
    const tookMs = performance.now() - sentMs;
    this.#patienceMs = Math.min(Math.max(this.settings.replyMs, tookMs * 2), this.#lateMs);
    return { answer, id, tookMs };
  }

  #listPeersWhenDue(): void {
    const nowMs = performance.now();
    if (this.#isListingPeers || nowMs - this.#peersSentMs < peersEveryMs) return;
    const ports = new Map<string, Set<number | undefined>>();
    for (const { name, port } of this.#callbacks.queries())
      ports.set(name, (ports.get(name) ?? new Set()).add(port));
    if (ports.size === 0) return;
    this.#peersSentMs = nowMs;
    this.#isListingPeers = true;
    void this.#listPeers(ports);
  }

  async #listPeers(ports: ServerPorts): Promise<void> {
    const { signal } = this.#closing;
    const { access, addressMap } = this.settings;
    const options = { access, ms: this.#lateMs, signal };
    const replies = await querySentinel(this.endpoint, peersCommands(ports.keys()), options);
    this.#isListingPeers = false;
    if (!signal.aborted) this.#callbacks.peersListed(this, peersFrom(replies, ports, addressMap));
  }
}

function abandon(line: QueryLine): void {
  line.isAbandoned = true;
  line.connection.close();
}
