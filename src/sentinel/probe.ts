import { TunnelError, messageOf } from '../errors.ts';
import type { Endpoint } from '../net/endpoint.ts';
import { Connection } from './connection.ts';
import type { Reply } from './resp.ts';
import { readRole, type Role } from './role.ts';

/** How a probe keeps time, in milliseconds. */
export interface ProbePace {
  /** Between an answer and the next question. */
  readonly everyMs: number;
  /** No connection or no answer for so long makes the server silent. */
  readonly silentMs: number;
  /** Between tries while it cannot be reached. */
  readonly retryMs: number;
}

/** A server that does not answer keeps its one connection this long before another is tried, in milliseconds. */
const patienceMs = 5_000;

/**
 * Asks one server for its ROLE, over and over, on a connection of our own, and tells every answer.
 *
 * A connection that the server closes is opened again at once: Sentinel has a server it reconfigures kill its clients,
 * so a close is the first sign of a promotion as well as of a crash. A server that is silent keeps its one unanswered
 * question; asking a frozen server again and again would only fill its backlog.
 */
export class RoleProbe {
  readonly endpoint: Endpoint;
  readonly #pace: ProbePace;
  readonly #tell: (role: Role) => void;
  readonly #closing = new AbortController();
  #connection: Connection | undefined;
  #wake: (() => void) | undefined;

  constructor(endpoint: Endpoint, pace: ProbePace, tell: (role: Role) => void) {
    this.endpoint = endpoint;
    this.#pace = pace;
    this.#tell = tell;
    void this.#run();
  }

  /** Asks now instead of at the next beat, unless a question is in flight. */
  wake(): void {
    this.#wake?.();
  }

  close(): void {
    this.#closing.abort();
    this.#connection?.close();
    this.#wake?.();
  }

  #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  async #run(): Promise<void> {
    while (!this.#isClosed()) {
      const { answers, why } = await this.#converse();
      if (this.#isClosed()) return;
      // Two answers make a conversation. A server that answers once and closes (it has too many clients) is not asked
      // again in a hot loop.
      if (answers > 1) continue;
      if (answers === 0) this.#tell({ kind: 'unusable', why });
      await this.#pause(this.#pace.retryMs);
    }
  }

  /** Asks on one connection until it ends. */
  async #converse(): Promise<{ answers: number; why: string }> {
    let answers = 0;
    try {
      const connection = await Connection.open(this.endpoint, this.#pace.silentMs, this.#closing.signal);
      this.#connection = connection;
      connection.onEnded(() => {
        this.#wake?.();
      });
      while (!connection.whyEnded()) {
        const role = readRole(await this.#ask(connection));
        answers += 1;
        if (this.#isClosed()) break;
        this.#tell(role);
        if (!connection.whyEnded()) await this.#pause(this.#pace.everyMs);
      }
      return { answers, why: connection.whyEnded()?.message ?? 'closed' };
    } catch (error) {
      return { answers, why: whyUnusable(error) };
    }
  }

  async #ask(connection: Connection): Promise<Reply> {
    const silence = setTimeout(() => {
      if (!this.#isClosed())
        this.#tell({ kind: 'unusable', why: `silent for ${String(this.#pace.silentMs)} ms` });
    }, this.#pace.silentMs);
    try {
      return await connection.ask(['ROLE'], patienceMs);
    } finally {
      clearTimeout(silence);
    }
  }

  #pause(ms: number): Promise<void> {
    if (this.#isClosed()) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#wake?.(), ms);
      this.#wake = (): void => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
    });
  }
}

function whyUnusable(error: unknown): string {
  return error instanceof TunnelError && error.cause instanceof Error && 'code' in error.cause
    ? String(error.cause.code)
    : messageOf(error);
}
