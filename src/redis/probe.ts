import { TunnelError, messageOf } from '../errors.ts';
import type { Endpoint } from '../net/endpoint.ts';
import { errnoWords, isOwnShortage } from '../net/errno.ts';
import type { OwnListeners } from '../net/own-listeners.ts';
import type { Access } from '../net/tls.ts';
import type { Connection, Login } from './connection.ts';
import { RoleQuery } from './role-query.ts';
import type { Role } from './role.ts';

/** The times of a probe, in milliseconds. */
export interface ProbePace {
  /** From a reply to the next command. */
  readonly everyMs: number;
  /** The same once the server has said that it is a master. */
  readonly masterEveryMs: number;
  /** A server without a connection or a reply for this long counts as silent. */
  readonly silentMs: number;
  /** From a failure to connect to the next attempt. */
  readonly retryMs: number;
}

/** How a probe connects, and what it reports. The callbacks must not throw. */
export interface ProbeOptions {
  readonly access?: Access;
  /** Our own listeners: connecting to one of them fails. */
  readonly own?: OwnListeners | undefined;
  onRole(role: Role): void;
  onLogin?(login: Login): void;
}

/** A server that does not answer keeps its connection this long before another one is opened, in milliseconds. */
const patienceMs = 5_000;

/**
 * Asks one server for its role again and again, on a connection of our own, and reports every answer.
 *
 * A connection that the server closes is opened again at once: Sentinel makes a server that it reconfigures close the
 * connections of its clients, so a close is the first sign of a promotion as well as of a crash. A silent server keeps its
 * one unanswered command; more commands to a suspended server would only fill its backlog.
 */
export class RoleProbe {
  readonly endpoint: Endpoint;
  readonly #pace: ProbePace;
  readonly #options: ProbeOptions;
  readonly #closing = new AbortController();
  readonly #connections = new Set<Connection>();
  readonly #wakes = new Set<() => void>();
  #replicas: readonly Endpoint[] | undefined;
  #hasAnswered = false;

  /** Starts at once. */
  constructor(endpoint: Endpoint, pace: ProbePace, options: ProbeOptions) {
    this.endpoint = endpoint;
    this.#pace = pace;
    this.#options = options;
    void this.#run();
  }

  /** The replicas that the server listed last; `undefined` until it has listed any. */
  get replicas(): readonly Endpoint[] | undefined {
    return this.#replicas;
  }

  /** Asks now, unless a command is unanswered. */
  wake(): void {
    for (const wake of this.#wakes) wake();
  }

  /**
   * Opens a second connection beside the first. To be called when the server has been told to become master: this ends
   * its connections, and may keep it busy for some milliseconds (it writes its configuration to disk). A connection made
   * now is answered as soon as that is done.
   */
  hurry(): void {
    void this.#run();
  }

  /**
   * Asks once, on a new connection, and reports the answer. A server that has just dropped connections may be ending, and
   * what it said before does not prove that it lives.
   */
  async askOnNewConnection(): Promise<void> {
    let role: Role;
    try {
      const query = await this.#open(() => undefined);
      role = await query.role(this.#pace.silentMs);
      query.connection.close();
    } catch (error) {
      if (this.#hasAnswered && isOurShortage(error)) return;
      role = { kind: 'unusable', why: whyUnusable(error, this.#hasAnswered) };
    }
    this.#report(role);
  }

  close(): void {
    this.#closing.abort();
    for (const connection of this.#connections) connection.close();
    this.wake();
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  #report(role: Role): void {
    if (!this.#isClosed) this.#options.onRole(role);
  }

  async #open(onEnded: () => void): Promise<RoleQuery> {
    const { access = {}, own } = this.#options;
    const query = await RoleQuery.open(this.endpoint, this.#pace.silentMs, {
      access,
      own,
      signal: this.#closing.signal,
    });
    const { connection } = query;
    this.#connections.add(connection);
    connection.onEnded(() => {
      this.#connections.delete(connection);
      onEnded();
    });
    return query;
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      const { answers, role } = await this.#askOnOneConnection();
      // After one answer and a close (the server has too many clients) the next connection waits: no hot loop.
      if (answers > 1) continue;
      // The last role stays while this host lacks a resource: that is not the fault of the server.
      if (answers === 0 && role) this.#report(role);
      await this.#pause(this.#pace.retryMs);
    }
  }

  /** Asks on one connection until it ends. */
  async #askOnOneConnection(): Promise<{ answers: number; role: Role | undefined }> {
    let answers = 0;
    let isOpen = false;
    try {
      const query = await this.#open(() => {
        this.wake();
      });
      isOpen = true;
      const { connection } = query;
      this.#options.onLogin?.(query.login);
      while (!connection.whyEnded()) {
        const role = await this.#ask(query);
        answers += 1;
        this.#report(role);
        if (!connection.whyEnded())
          await this.#pause(role.kind === 'master' ? this.#pace.masterEveryMs : this.#pace.everyMs);
      }
      return { answers, role: { kind: 'unusable', why: connection.whyEnded()?.message ?? 'closed' } };
    } catch (error) {
      if (this.#hasAnswered && isOurShortage(error)) return { answers, role: undefined };
      const role: Role = { kind: 'unusable', why: whyUnusable(error, this.#hasAnswered) };
      return { answers, role: !isOpen && isAstray(error) ? { ...role, isAstray: true } : role };
    }
  }

  async #ask(query: RoleQuery): Promise<Role> {
    const silence = setTimeout(() => {
      this.#report({ kind: 'unusable', why: `silent for ${String(this.#pace.silentMs)} ms` });
    }, this.#pace.silentMs);
    try {
      const role = await query.role(patienceMs);
      query.count(patienceMs);
      this.#replicas = query.replicas ?? this.#replicas;
      this.#hasAnswered = true;
      return role;
    } finally {
      clearTimeout(silence);
    }
  }

  #pause(ms: number): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
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
}

/** Whether a connection failed because this host lacks descriptors, ports or memory. */
function isOurShortage(error: unknown): boolean {
  const cause = error instanceof TunnelError ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && isOwnShortage(String(cause.code));
}

/** The network has no route to the address, or no address for the name. A refusal comes from the host itself. */
const astray = new Set(['ENETUNREACH', 'EHOSTUNREACH', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EAI_NODATA']);

/** Whether a connection could not be opened because no route leads to the address. */
function isAstray(error: unknown): boolean {
  if (!(error instanceof TunnelError)) return false;
  const { code, cause } = error;
  if (code === 'ST_REDIS_TIMEOUT') return true;
  return cause instanceof Error && 'code' in cause && astray.has(String(cause.code));
}

/**
 * Why a server cannot be asked, in a few words.
 *
 * @param hasAnswered whether it has ever answered: if so, a reset means that it ended, and not that its port expects TLS
 */
export function whyUnusable(error: unknown, hasAnswered = false): string {
  if (!(error instanceof TunnelError) || error.code === 'ST_TLS_FAILED') return messageOf(error);
  // A cause with a code of our own has its sentence in the message already.
  const isOurs = error.cause instanceof TunnelError;
  const code =
    !isOurs && error.cause instanceof Error && 'code' in error.cause ? String(error.cause.code) : undefined;
  if (code === 'ECONNRESET' && hasAnswered) return `connection reset (${code})`;
  // The reason for a reset takes a sentence.
  return code === undefined || code === 'ECONNRESET' ? messageOf(error) : errnoWords(code);
}
