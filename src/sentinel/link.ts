import { messageOf, TunnelError } from '../errors.ts';
import { Backoff } from '../lifecycle/backoff.ts';
import type { AddressMap } from '../net/address-map.ts';
import { formatEndpoint, type Endpoint } from '../net/endpoint.ts';
import type { Access } from '../net/tls.ts';
import { Connection } from './connection.ts';
import { assertLoggedIn, deniedMs } from './denial.ts';
import { Pulse } from './pulse.ts';
import { ReplyError } from './resp.ts';
import { Subscription, type SubscriptionEvent } from './subscription.ts';
import { readAnswer, readSentinels, type Announcement, type Answer, type Named } from './words.ts';

/** What a link asks about, and under which turn of its watch. */
export interface Question {
  /** Who asks; two watches may ask about one name. */
  readonly watch: object;
  readonly name: string;
  readonly turn: number;
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
  /** `tookMs`: how long the answer took, in milliseconds; `undefined` where there was none. */
  answered(link: SentinelLink, question: Question, answer: Answer, tookMs: number | undefined): void;
  announced(link: SentinelLink, announcement: Announcement): void;
  /** The Sentinels that it names, from time to time. */
  named(link: SentinelLink, named: readonly Named[]): void;
  subscription(link: SentinelLink, event: SubscriptionEvent): void;
  /** It has no password, and was given one. */
  loggedInNeedlessly(link: SentinelLink): void;
}

/** Two rounds never begin closer together than this, however many hints there are, in milliseconds. */
const floorMs = 20;
/** How often a Sentinel is asked which others it knows, in milliseconds. */
const namesEveryMs = 10_000;
const firstRetryMs = 250;
const mostRetryMs = 5_000;

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
  #connection: Connection | undefined;
  /** Who waits for the end of a round that has not begun yet. */
  #awaiting: (() => void)[] = [];
  #id: string | undefined;
  #namesAtMs = -Infinity;
  #deniedUntilMs = -Infinity;
  /** `SENTINEL MASTER` is not for us: an epoch cannot be had, and asking again only fills the Sentinel's ACL log. */
  #isWithoutEpoch = false;

  constructor(endpoint: Endpoint, port: LinkPort) {
    this.endpoint = endpoint;
    this.key = formatEndpoint(endpoint);
    this.port = port;
    this.#pulse = new Pulse(floorMs, () => this.#round());
    this.#subscription = new Subscription(endpoint, port.replyMs, {
      addressMap: port.addressMap,
      access: () => port.access(),
      announced: (announcement) => {
        port.announced(this, announcement);
      },
      changed: (event) => {
        // Whatever was announced before the subscription stood was missed: ask once it stands.
        if (event.kind === 'subscribed') this.#pulse.wake();
        port.subscription(this, event);
      },
    });
  }

  /** The Sentinel's run id, where it tells it: the same Sentinel may be known under two addresses. */
  get id(): string | undefined {
    return this.#id;
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

  /** Asks for the names of other Sentinels with the next round. */
  askNames(): void {
    this.#namesAtMs = -Infinity;
    this.#pulse.wake();
  }

  close(): void {
    this.#closing.abort();
    this.#pulse.close();
    this.#subscription.close();
    this.#connection?.close();
  }

  /** One round of questions; gives the wait until the next in milliseconds. */
  async #round(): Promise<number> {
    const { replyMs } = this.port;
    let questions = this.port.questions();
    const awaiting = this.#awaiting.splice(0);
    const isOld = this.#connection !== undefined;
    try {
      const connection = (this.#connection ??= await this.#open());
      questions = this.port.questions(); // opening takes a while; what is asked now is asked under the turn of now
      const answers = await Promise.all(questions.map((question) => this.#ask(connection, question)));
      if (questions.length > 0 && performance.now() - this.#namesAtMs >= namesEveryMs)
        await this.#askNames(connection, questions, replyMs);
      this.#backoff.reset();
      const isDenied =
        answers.length > 0 && answers.every((answer) => answer.kind === 'error' && answer.code !== undefined);
      this.#deniedUntilMs = isDenied ? performance.now() + deniedMs : -Infinity;
      for (const resolve of awaiting) resolve();
      if (!isDenied) return this.port.beatMs();
      // By then it may know our credentials, or we others; they are given when a connection begins.
      connection.close();
      this.#connection = undefined;
      return deniedMs;
    } catch (error) {
      this.#connection?.close();
      this.#connection = undefined;
      if (this.#closing.signal.aborted) return 0;
      const code = error instanceof TunnelError ? error.code : undefined;
      const isDenied = code === 'ST_SENTINEL_AUTH';
      const answer: Answer = {
        kind: isDenied ? 'error' : 'unreachable',
        text: messageOf(error),
        ...(code && { code }),
      };
      this.#deniedUntilMs = isDenied ? performance.now() + deniedMs : -Infinity;
      for (const question of questions) this.port.answered(this, question, answer, undefined);
      if (isOld && awaiting.length > 0) {
        // The connection may only have grown old while we were stopped: a new one is tried before giving up.
        this.#awaiting.push(...awaiting);
        return 0;
      }
      for (const resolve of awaiting) resolve();
      return isDenied ? deniedMs : this.#backoff.next();
    }
  }

  async #open(): Promise<Connection> {
    const { replyMs } = this.port;
    const connection = await Connection.open(
      this.endpoint,
      replyMs,
      this.#closing.signal,
      this.port.access(),
    );
    assertLoggedIn(connection);
    if (connection.login.kind === 'needless') this.port.loggedInNeedlessly(this);
    this.#isWithoutEpoch = false;
    this.#namesAtMs = -Infinity;
    connection.onEnded(() => {
      // Between rounds: the next one opens another. A hurry would make a hot loop of a Sentinel that answers and closes.
      if (this.#connection === connection) this.#connection = undefined;
    });
    // Redis before 6.2 and Redis Enterprise do not know MYID; without it, a Sentinel is its address.
    const id = await connection.ask(['SENTINEL', 'MYID'], replyMs);
    this.#id = typeof id === 'string' ? id : undefined;
    return connection;
  }

  async #ask(connection: Connection, question: Question): Promise<Answer> {
    const { replyMs } = this.port;
    const askedMs = performance.now();
    // The epoch is asked for first: should the address change between the two, a new address comes with the old epoch
    // and counts for little until the next round, instead of an old address with the new epoch.
    const [master, address] = await Promise.all([
      this.#isWithoutEpoch ? null : connection.ask(['SENTINEL', 'MASTER', question.name], replyMs),
      connection.ask(['SENTINEL', 'get-master-addr-by-name', question.name], replyMs),
    ]);
    const answer = readAnswer(address, master, this.port.addressMap);
    // Not "No such master with that name": that is so only until it is monitored.
    if (master instanceof ReplyError && /^NOPERM |^ERR unknown (sub)?command/i.test(master.text))
      this.#isWithoutEpoch = true;
    if (!this.#closing.signal.aborted)
      this.port.answered(this, question, answer, performance.now() - askedMs);
    return answer;
  }

  async #askNames(connection: Connection, questions: readonly Question[], replyMs: number): Promise<void> {
    this.#namesAtMs = performance.now();
    const replies = await Promise.all(
      questions.map(({ name }) => connection.ask(['SENTINEL', 'SENTINELS', name], replyMs)),
    );
    if (!this.#closing.signal.aborted)
      this.port.named(
        this,
        replies.flatMap((reply) => readSentinels(reply, this.port.addressMap)),
      );
  }
}
