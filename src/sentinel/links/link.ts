import { messageOf, TunnelError } from '../../errors.ts';
import { Backoff } from '../../lifecycle/backoff.ts';
import type { AddressMap } from '../../net/address-map.ts';
import { formatEndpoint, type Endpoint } from '../../net/endpoint.ts';
import type { Access } from '../../net/tls.ts';
import { timedOut } from '../../redis/connection-errors.ts';
import { Connection } from '../../redis/connection.ts';
import { assertLoggedIn, deniedMs } from './denial.ts';
import { introduce, type Acquaintance, type Ports } from './introduce.ts';
import { Pulse } from './pulse.ts';
import { ReplyError } from '../../redis/resp.ts';
import { Subscription, type AnnouncedAt, type SubscriptionEvent } from './subscription.ts';
import { readAnswer, readMyId, type Announcement, type Answer } from './announcement.ts';

/** What a link asks about, and under which turn of its watch. */
export interface Question {
  /** Who asks; two watches may ask about one name. */
  readonly watch: object;
  readonly name: string;
  readonly turn: number;
  /** The port of every server of its master, where it has one whatever is announced. */
  readonly port: number | undefined;
}

/** An answer, and how it was given. */
export interface Given {
  readonly answer: Answer;
  /** The run id of the Sentinel that gave it, where it tells. */
  readonly id: string | undefined;
  /** How long it took, or has been waited for, in milliseconds. */
  readonly tookMs: number;
}

/** What a link needs to know and whom it tells. The callbacks must not throw. */
export interface LinkPort {
  readonly replyMs: number;
  readonly addressMap: AddressMap;
  /** How to get into a Sentinel, for connections made from now on. */
  access(): Access;
  /** The names to ask about now. */
  questions(): readonly Question[];
  /** How long until the next round, in milliseconds: shorter while a master is missing. */
  beatMs(): number;
  answered(link: SentinelLink, question: Question, given: Given): void;
  /**
   * @param id the run id of the Sentinel that announces, where it tells
   * @param at the same announcement where every server has this port
   */
  announced(link: SentinelLink, announcement: Announcement, id: string | undefined, at: AnnouncedAt): void;
  /** Who it is and whom it knows, from time to time. */
  introduced(link: SentinelLink, acquaintances: readonly Acquaintance[]): void;
  subscription(link: SentinelLink, event: SubscriptionEvent): void;
  /** It has no password, and was given one. */
  loggedInNeedlessly(link: SentinelLink): void;
}

/** Two rounds never begin closer together than this, however many hints there are, in milliseconds. */
const floorMs = 20;
/** How often a Sentinel is asked which others it knows, in milliseconds. */
const introductionEveryMs = 10_000;
/** The same while somebody is not known yet: they hear of each other every 2 s (redis 7.0.15, sentinel.c, SENTINEL_PUBLISH_PERIOD). */
const hastyIntroductionMs = 1_000;
const firstRetryMs = 250;
const mostRetryMs = 5_000;

const patientMs = 5_000;

/**
 * An answer that has not come by then is not waited for, in milliseconds. Until then it counts whenever it comes: busy
 * hosts may take longer than `replyMs`, all of them.
 */
export function lateMsOf(replyMs: number): number {
  return Math.max(replyMs, patientMs);
}

/** What comes of asking everything once. */
type Outcome = 'answered' | 'denied' | 'failed' | 'late' | 'again';

/** A connection on which questions are asked, and the run id of the Sentinel that it led to. */
interface Line {
  readonly connection: Connection;
  readonly id: string | undefined;
  /** Whether we have closed it ourselves: that its questions fail is no news. */
  isGivenUp: boolean;
}

/**
 * Everything between us and one Sentinel: one connection to ask on, one to listen on, each opened again when it
 * ends. It only carries words; what they mean is decided elsewhere.
 */
export class SentinelLink {
  readonly endpoint: Endpoint;
  /** `host:port`, the name under which its word counts. */
  readonly key: string;
  readonly port: LinkPort;
  readonly #closing = new AbortController();
  readonly #backoff = new Backoff(firstRetryMs, mostRetryMs);
  readonly #pulse: Pulse;
  readonly #subscription: Subscription;
  readonly #lateMs: number;
  #line: Line | undefined;
  /** Stops the opening of a line. */
  #opening: AbortController | undefined;
  /** One whose answers are late. Should they come, it is the line again. */
  #lateLine: Line | undefined;
  /** When the newest question that was answered had been asked. */
  #answeredAskedMs = -Infinity;
  /** How long an answer may take before it is late: longer where the last one took long. */
  #patienceMs: number;
  /** Who waits for the end of a round that has not begun yet. */
  #awaiting: (() => void)[] = [];
  #introducedAtMs = -Infinity;
  #isIntroducing = false;
  #deniedUntilMs = -Infinity;
  /** `SENTINEL MASTER` is not for us: an epoch cannot be had, and asking again only fills the Sentinel's ACL log. */
  #isWithoutEpoch = false;

  constructor(endpoint: Endpoint, port: LinkPort) {
    this.endpoint = endpoint;
    this.key = formatEndpoint(endpoint);
    this.port = port;
    this.#lateMs = lateMsOf(port.replyMs);
    this.#patienceMs = port.replyMs;
    this.#pulse = new Pulse(floorMs, () => this.#round());
    this.#subscription = new Subscription(endpoint, this.#lateMs, {
      addressMap: port.addressMap,
      access: () => port.access(),
      announced: (announcement, id, at) => {
        port.announced(this, announcement, id, at);
      },
      changed: (event) => {
        // Whatever was announced before the subscription stood was missed: ask once it stands.
        if (event.kind === 'subscribed') this.#pulse.wake();
        port.subscription(this, event);
      },
    });
  }

  start(): void {
    this.#subscription.start();
    this.#pulse.start();
  }

  /** Asks about everything now, or as soon as the floor allows. */
  wake(): void {
    if (performance.now() < this.#deniedUntilMs) return; // a hint does not change what only a person can
    this.#pulse.wake();
  }

  /**
   * Resolves when it has answered questions asked from now on, and all that it announced until now has been heard; or
   * when neither can be had.
   */
  async heardAnew(): Promise<void> {
    const answered = new Promise<void>((resolve) => {
      this.#awaiting.push(resolve);
    });
    this.#pulse.wake();
    await Promise.all([answered, this.#subscription.heard()]);
  }

  /** Asks whom it knows again soon: at the next round, or `hastyIntroductionMs` after the last time. */
  askAcquaintances(): void {
    const dueMs = performance.now() - introductionEveryMs + hastyIntroductionMs;
    this.#introducedAtMs = Math.min(this.#introducedAtMs, dueMs);
    this.#introduceWhenDue();
  }

  close(): void {
    this.#closing.abort();
    this.#pulse.close();
    this.#subscription.close();
    this.#opening?.abort();
    this.#line?.connection.close();
    this.#lateLine?.connection.close();
  }

  /** One round of questions; gives the wait until the next in milliseconds. */
  async #round(): Promise<number> {
    const awaiting = this.#awaiting.splice(0);
    const isOld = this.#line !== undefined;
    const outcome = await this.#askAll();
    if (this.#closing.signal.aborted) return 0;
    if (outcome === 'failed' && isOld && awaiting.length > 0) {
      // The connection may only have grown old while we were stopped: a new one is tried before giving up.
      this.#awaiting.push(...awaiting);
      return 0;
    }
    for (const resolve of awaiting) resolve();
    switch (outcome) {
      case 'answered':
        this.#introduceWhenDue();
        return this.port.beatMs();
      case 'denied':
        return deniedMs;
      case 'again':
        return 0;
      case 'failed':
      case 'late':
        return this.#backoff.next();
    }
  }

  /** Asks everything that there is to ask now, where need be on a new line. */
  async #askAll(): Promise<Outcome> {
    const beganMs = performance.now();
    let line = this.#line;
    try {
      line ??= await this.#open();
    } catch (error) {
      if (this.#line) return 'again'; // what was late has come meanwhile
      const isTimeout = error instanceof TunnelError && error.code === 'ST_SENTINEL_TIMEOUT';
      if (isTimeout) this.#patienceMs = Math.min(this.#patienceMs * 2, this.#lateMs);
      const isLate = isTimeout && this.#lateLine !== undefined;
      return this.#failed(error, this.port.questions(), beganMs, isLate);
    }
    if (this.#line && this.#line !== line) {
      giveUp(line); // what was late came just as this one was open
      return 'again';
    }
    this.#line = line;
    // Opening takes a while; what is asked now is asked under the turn of now.
    const missing = new Set(this.port.questions());
    let late: NodeJS.Timeout | undefined;
    const outcome = await Promise.race([
      this.#askOn(line, missing),
      new Promise<'late'>((resolve) => {
        late = setTimeout(() => {
          resolve('late');
        }, this.#patienceMs);
      }),
    ]);
    clearTimeout(late);
    if (outcome === 'late') this.#isLate(line, missing);
    return outcome;
  }

  /** Asks everything on one line, and tells each answer as it comes. Answered questions are taken out of `missing`. */
  async #askOn(line: Line, missing: Set<Question>): Promise<Outcome> {
    const askedMs = performance.now();
    try {
      const answers = await Promise.all(
        [...missing].map(async (question) => {
          const given = await this.#ask(line, question, askedMs);
          missing.delete(question);
          this.#tell(question, given, askedMs);
          return given.answer;
        }),
      );
      this.#answeredOn(line, askedMs);
      const isDenied =
        answers.length > 0 && answers.every((answer) => answer.kind === 'error' && answer.code !== undefined);
      this.#deniedUntilMs = isDenied ? performance.now() + deniedMs : -Infinity;
      if (!isDenied) return 'answered';
      // By then it may know our credentials, or we others; they are given when a connection begins.
      line.connection.close();
      return 'denied';
    } catch (error) {
      line.connection.close();
      return line.isGivenUp ? 'failed' : this.#failed(error, [...missing], askedMs);
    }
  }

  /** Tells why there is no answer to these. */
  #failed(error: unknown, missing: readonly Question[], askedMs: number, isLate = false): Outcome {
    const code = error instanceof TunnelError ? error.code : undefined;
    const isDenied = code === 'ST_SENTINEL_AUTH';
    this.#deniedUntilMs = isDenied ? performance.now() + deniedMs : -Infinity;
    const what = { text: messageOf(error), ...(code && { code }) };
    const answer: Answer = isDenied
      ? { kind: 'error', ...what }
      : { kind: 'unreachable', ...what, ...(isLate && { isLate }) };
    const tookMs = performance.now() - askedMs;
    for (const question of missing) this.#tell(question, { answer, id: undefined, tookMs }, askedMs);
    return isDenied ? 'denied' : 'failed';
  }

  /** An answer counts whenever it comes, unless a newer question has been answered. */
  #tell(question: Question, given: Given, askedMs: number): void {
    if (this.#closing.signal.aborted || askedMs < this.#answeredAskedMs) return;
    this.port.answered(this, question, given);
  }

  /**
   * The answers have not come in time. They may yet: their line is kept beside a new one, in case it leads nowhere any
   * more. There is one of these at most, the oldest.
   */
  #isLate(line: Line, missing: ReadonlySet<Question>): void {
    if (this.#line === line) this.#line = undefined;
    if (!this.#lateLine) this.#lateLine = line;
    else if (this.#lateLine !== line) giveUp(line);
    const tookMs = this.#patienceMs;
    const { message: text, code } = timedOut(this.endpoint, 'has not answered', Math.round(tookMs));
    const answer: Answer = { kind: 'unreachable', text, code, isLate: true };
    for (const question of missing) this.port.answered(this, question, { answer, id: undefined, tookMs });
  }

  /** Everything was answered on a line: it is the one to go on with, and an older one is not waited for. */
  #answeredOn(line: Line, askedMs: number): void {
    this.#answeredAskedMs = Math.max(askedMs, this.#answeredAskedMs);
    this.#backoff.reset();
    const other = this.#lateLine === line ? this.#line : this.#lateLine;
    this.#lateLine = undefined;
    if (line.connection.whyEnded()) return;
    this.#line = line;
    if (other && other !== line) giveUp(other);
    this.#opening?.abort();
  }

  async #open(): Promise<Line> {
    const opening = new AbortController();
    this.#opening = opening;
    try {
      const { signal } = opening;
      const connection = await Connection.open(this.endpoint, this.#patienceMs, signal, this.port.access());
      assertLoggedIn(connection);
      if (connection.login.kind === 'needless') this.port.loggedInNeedlessly(this);
      this.#isWithoutEpoch = false;
      // Redis before 6.2 and Redis Enterprise do not know MYID; without it, a Sentinel is its address.
      const id = readMyId(await connection.ask(['SENTINEL', 'MYID'], this.#patienceMs));
      const line: Line = { connection, id, isGivenUp: false };
      connection.onEnded(() => {
        // Between rounds: the next one opens another. A hurry would make a hot loop of a Sentinel that answers and closes.
        if (this.#line === line) this.#line = undefined;
        if (this.#lateLine === line) this.#lateLine = undefined;
      });
      return line;
    } finally {
      this.#opening = undefined;
    }
  }

  async #ask({ connection, id }: Line, { name, port }: Question, askedMs: number): Promise<Given> {
    // The epoch is asked for first: should the address change between the two, a new address comes with the old epoch
    // and counts for little until the next round, instead of an old address with the new epoch.
    const [master, address] = await Promise.all([
      this.#isWithoutEpoch ? null : connection.ask(['SENTINEL', 'MASTER', name], this.#lateMs),
      connection.ask(['SENTINEL', 'get-master-addr-by-name', name], this.#lateMs),
    ]);
    const { isRemote } = connection;
    const answer = readAnswer(address, master, { map: this.port.addressMap, isRemote, port });
    // Not "No such master with that name": that is so only until it is monitored.
    if (master instanceof ReplyError && /^NOPERM |^ERR unknown (sub)?command/i.test(master.text))
      this.#isWithoutEpoch = true;
    const tookMs = performance.now() - askedMs;
    this.#patienceMs = Math.min(Math.max(this.port.replyMs, tookMs * 2), this.#lateMs);
    return { answer, id, tookMs };
  }

  #introduceWhenDue(): void {
    const nowMs = performance.now();
    if (this.#isIntroducing || nowMs - this.#introducedAtMs < introductionEveryMs) return;
    const ports = new Map<string, Set<number | undefined>>();
    for (const { name, port } of this.port.questions())
      ports.set(name, (ports.get(name) ?? new Set()).add(port));
    if (ports.size === 0) return;
    this.#introducedAtMs = nowMs;
    this.#isIntroducing = true;
    void this.#introduce(ports);
  }

  async #introduce(ports: Ports): Promise<void> {
    const { signal } = this.#closing;
    const { addressMap } = this.port;
    const told = await introduce(this.endpoint, ports, addressMap, this.#lateMs, this.port.access(), signal);
    this.#isIntroducing = false;
    if (!signal.aborted) this.port.introduced(this, told);
  }
}

function giveUp(line: Line): void {
  line.isGivenUp = true;
  line.connection.close();
}
