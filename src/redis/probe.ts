import { TunnelError, messageOf } from '../errors.ts';
import type { Endpoint } from '../net/endpoint.ts';
import { errnoWords, isOwnShortage } from '../net/errno.ts';
import type { OwnListeners } from '../net/own-listeners.ts';
import type { Access } from '../net/tls.ts';
import type { Connection, Login } from './connection.ts';
import { Inquiry } from './role-query.ts';
import type { Role } from './role.ts';

/** How a probe keeps time, in milliseconds. */
export interface ProbePace {
  /** Between an answer and the next question. */
  readonly everyMs: number;
  /** The same once it has said that it is a master. */
  readonly masterEveryMs: number;
  /** No connection or no answer for so long makes the server silent. */
  readonly silentMs: number;
  /** Between tries while it cannot be reached. */
  readonly retryMs: number;
}

/** How a probe gets in, and whom it tells what came of its credentials. */
export interface ProbeEntry {
  readonly access: Access;
  /** Where not to connect to. */
  readonly own?: OwnListeners;
  loggedIn(login: Login): void;
}

const openDoor: ProbeEntry = { access: {}, loggedIn: () => undefined };

/** A server that does not answer keeps its one connection this long before another is tried, in milliseconds. */
const patienceMs = 5_000;

/**
 * Asks one server for its role, over and over, on a connection of our own, and tells every answer.
 *
 * A connection that the server closes is opened again at once: Sentinel has a server it reconfigures kill its clients,
 * so a close is the first sign of a promotion as well as of a crash. A server that is silent keeps its one unanswered
 * question; asking a frozen server again and again would only fill its backlog.
 */
export class RoleProbe {
  readonly endpoint: Endpoint;
  readonly #pace: ProbePace;
  readonly #tell: (role: Role) => void;
  readonly #entry: ProbeEntry;
  readonly #closing = new AbortController();
  readonly #connections = new Set<Connection>();
  readonly #wakes = new Set<() => void>();
  #replicas: readonly Endpoint[] | undefined;
  #hasAnswered = false;

  constructor(endpoint: Endpoint, pace: ProbePace, tell: (role: Role) => void, entry: ProbeEntry = openDoor) {
    this.endpoint = endpoint;
    this.#pace = pace;
    this.#tell = tell;
    this.#entry = entry;
    void this.#run();
  }

  /** The replicas that the server counted when it told of them last; `undefined` until it has. */
  get replicas(): readonly Endpoint[] | undefined {
    return this.#replicas;
  }

  /** Asks now instead of at the next beat, unless a question is in flight. */
  wake(): void {
    this.#wakeAll();
  }

  /**
   * The server has been told to become master, which also ends the connections it has, and may keep it busy for
   * milliseconds (it writes its configuration to the disk). A connection made from now on is answered as soon as that
   * is done, so a second conversation begins beside the first.
   */
  hurry(): void {
    void this.#run();
  }

  /**
   * Asks on a connection of its own, made now, and tells the answer: whoever has just dropped connections may be coming to
   * its end, and what it said before is no proof that it lives.
   */
  async askAnew(): Promise<void> {
    let role: Role;
    try {
      const { silentMs } = this.#pace;
      const inquiry = await Inquiry.open(
        this.endpoint,
        silentMs,
        this.#entry.access,
        this.#entry.own,
        this.#closing.signal,
      );
      const { connection } = inquiry;
      this.#connections.add(connection);
      connection.onEnded(() => this.#connections.delete(connection));
      role = await inquiry.role(silentMs);
      connection.close();
    } catch (error) {
      if (this.#hasAnswered && isShortHere(error)) return;
      role = { kind: 'unusable', why: whyUnusable(error, this.#hasAnswered) };
    }
    if (!this.#isClosed()) this.#tell(role);
  }

  close(): void {
    this.#closing.abort();
    for (const connection of this.#connections) connection.close();
    this.#wakeAll();
  }

  #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  async #run(): Promise<void> {
    while (!this.#isClosed()) {
      const { answers, role } = await this.#converse();
      if (this.#isClosed()) return;
      // Two answers make a conversation. A server that answers once and closes (it has too many clients) is not asked
      // again in a hot loop.
      if (answers > 1) continue;
      // What it said last stands where this host is short of something: that is not its fault.
      if (answers === 0 && role) this.#tell(role);
      await this.#pause(this.#pace.retryMs);
    }
  }

  /** Asks on one connection until it ends. */
  async #converse(): Promise<{ answers: number; role: Role | undefined }> {
    let answers = 0;
    let isOpen = false;
    try {
      const { silentMs } = this.#pace;
      const { access, own } = this.#entry;
      const inquiry = await Inquiry.open(this.endpoint, silentMs, access, own, this.#closing.signal);
      isOpen = true;
      const { connection } = inquiry;
      this.#connections.add(connection);
      connection.onEnded(() => {
        this.#connections.delete(connection);
        this.#wakeAll();
      });
      this.#entry.loggedIn(inquiry.login);
      while (!connection.whyEnded()) {
        const role = await this.#ask(inquiry);
        answers += 1;
        if (this.#isClosed()) break;
        this.#tell(role);
        if (!connection.whyEnded())
          await this.#pause(role.kind === 'master' ? this.#pace.masterEveryMs : this.#pace.everyMs);
      }
      return { answers, role: { kind: 'unusable', why: connection.whyEnded()?.message ?? 'closed' } };
    } catch (error) {
      if (this.#hasAnswered && isShortHere(error)) return { answers, role: undefined };
      const role: Role = { kind: 'unusable', why: whyUnusable(error, this.#hasAnswered) };
      return { answers, role: !isOpen && isAstray(error) ? { ...role, isAstray: true } : role };
    }
  }

  async #ask(inquiry: Inquiry): Promise<Role> {
    const silence = setTimeout(() => {
      if (!this.#isClosed())
        this.#tell({ kind: 'unusable', why: `silent for ${String(this.#pace.silentMs)} ms` });
    }, this.#pace.silentMs);
    try {
      const role = await inquiry.role(patienceMs);
      inquiry.count(patienceMs);
      this.#replicas = inquiry.replicas ?? this.#replicas;
      this.#hasAnswered = true;
      return role;
    } finally {
      clearTimeout(silence);
    }
  }

  #pause(ms: number): Promise<void> {
    if (this.#isClosed()) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#wakes.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      this.#wakes.add(wake);
    });
  }

  #wakeAll(): void {
    for (const wake of this.#wakes) wake();
  }
}

function isShortHere(error: unknown): boolean {
  const cause = error instanceof TunnelError ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && isOwnShortage(String(cause.code));
}

/** What a network says of an address that it knows no way to, or no name of. A refusal comes from where it leads to. */
const astray = new Set(['ENETUNREACH', 'EHOSTUNREACH', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EAI_NODATA']);

/** Whether a connection that could not be opened failed for want of a way to the address. */
function isAstray(error: unknown): boolean {
  if (!(error instanceof TunnelError)) return false;
  const { code, cause } = error;
  if (code === 'ST_SENTINEL_TIMEOUT') return true;
  return cause instanceof Error && 'code' in cause && astray.has(String(cause.code));
}

/**
 * Why a server cannot be asked, in few words.
 *
 * @param hasAnswered whether it has ever answered: then a reset is its end, and no sign of a port that wants TLS
 */
export function whyUnusable(error: unknown, hasAnswered = false): string {
  if (!(error instanceof TunnelError) || error.code === 'ST_TLS_FAILED') return messageOf(error);
  // A cause with a code of our own has its sentence in the message already.
  const isOurs = error.cause instanceof TunnelError;
  const code =
    !isOurs && error.cause instanceof Error && 'code' in error.cause ? String(error.cause.code) : undefined;
  if (code === 'ECONNRESET' && hasAnswered) return `connection reset (${code})`;
  // Why a connection was reset takes a sentence.
  return code === undefined || code === 'ECONNRESET' ? messageOf(error) : errnoWords(code);
}
