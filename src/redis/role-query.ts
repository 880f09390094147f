import { TunnelError } from '../errors.ts';
import type { Endpoint } from '../net/endpoint.ts';
import type { OwnListeners } from '../net/own-listeners.ts';
import type { Access } from '../net/tls.ts';
import { Connection, type Login } from './connection.ts';
import { ReplyError, type Reply } from './resp.ts';
import {
  readInfoReplication,
  readReplication,
  roleQuestions,
  untoldRole,
  type Replication,
  type Role,
} from './role.ts';

/** The replicas are counted anew at most this often where that takes a question of its own, in milliseconds. */
const countEveryMs = 1_000;

/** A connection of our own to a Redis server, on which it is asked what it is; never a client's. */
export class Inquiry {
  readonly connection: Connection;
  /** Without those that did not tell: each refusal is an entry in the ACL log of the server. */
  #questions = roleQuestions;
  #replicas: readonly Endpoint[] | undefined;
  #isUncounted = false;
  #countAfterMs = -Infinity;

  private constructor(connection: Connection) {
    this.connection = connection;
  }

  /**
   * @param ms deadline for connecting, and another for the credentials, in milliseconds
   * @param own where not to connect to
   * @throws TunnelError as `Connection.open`
   */
  static async open(
    endpoint: Endpoint,
    ms: number,
    access: Access,
    own?: OwnListeners,
    signal?: AbortSignal,
  ): Promise<Inquiry> {
    return new Inquiry(await Connection.open(endpoint, ms, signal, access, own));
  }

  get login(): Login {
    return this.connection.login;
  }

  /** The replicas that it counted when it was asked last; none where it is no master, `undefined` while it has not told. */
  get replicas(): readonly Endpoint[] | undefined {
    return this.#replicas;
  }

  /**
   * Asks once, and in another way where it is refused one, or answered what makes no sense. What told is asked first from
   * then on; where nothing told, only what was asked first is asked again. A server that does not answer is not asked in
   * another way: replies come in order, so it would have to answer the first question before.
   *
   * @param ms deadline of the reply, in milliseconds; when it passes the connection ends
   * @throws TunnelError the reason for which the connection ended
   */
  async role(ms: number): Promise<Role> {
    const untilMs = performance.now() + ms;
    const [first, ...others] = this.#questions;
    const reply = await this.connection.ask(first.words, ms);
    const role = first.read(reply);
    if (role) return this.#told(role, reply);
    const untold = this.#withLogin(untoldRole(first, reply));
    // Who is not logged in may ask nothing.
    if (reply instanceof ReplyError && reply.code === 'NOAUTH') return untold;
    try {
      for (const [index, question] of others.entries()) {
        const answer = await this.connection.ask(question.words, Math.max(1, untilMs - performance.now()));
        const told = question.read(answer);
        if (!told) continue;
        this.#questions = [question, ...others.slice(index + 1)];
        return this.#told(told, answer);
      }
    } catch (error) {
      // What it said before it went away stands: "max number of clients reached", for example.
      if (error instanceof TunnelError) return untold;
      throw error;
    }
    this.#questions = [first];
    return untold;
  }

  /** Asks a master for its replicas if the reply that told its role does not have them. Nobody waits for the answer. */
  count(ms: number): void {
    const nowMs = performance.now();
    if (!this.#isUncounted || nowMs < this.#countAfterMs) return;
    this.#countAfterMs = nowMs + countEveryMs;
    this.connection.ask(['INFO', 'replication'], ms).then(
      (reply) => {
        if (reply instanceof ReplyError) this.#countAfterMs = Infinity;
        this.#counted(readInfoReplication(reply));
      },
      // The connection is over, which whoever asks for the role next is told.
      () => undefined,
    );
  }

  #told(role: Role, reply: Reply): Role {
    const isMaster = role.kind === 'master' || role.kind === 'active-replica';
    const told = readReplication(reply) ?? readInfoReplication(reply);
    this.#isUncounted = isMaster && !told;
    if (!this.#isUncounted) this.#counted(isMaster ? told : undefined);
    return role;
  }

  #counted(told: Replication | undefined): void {
    this.#replicas = told?.replicas.map(({ endpoint }) => endpoint) ?? [];
  }

  #withLogin(role: Role): Role {
    if (role.kind !== 'unverifiable' || this.login.kind !== 'refused') return role;
    return { kind: 'unverifiable', why: `it refuses the credentials of "redis": ${this.login.why}` };
  }
}
