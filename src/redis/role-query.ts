import { TunnelError } from '../errors.ts';
import type { Endpoint } from '../net/endpoint.ts';
import { Connection, type ConnectionOptions, type Login } from './connection.ts';
import { readReplicationInfo, type Replication } from './info.ts';
import { ReplyError, type Reply } from './resp.ts';
import { readReplication, roleCommands, roleFromError, type Role } from './role.ts';

/** Where listing the replicas takes a command of its own, it is sent at most this often, in milliseconds. */
const countEveryMs = 1_000;

/** A connection of our own to a Redis server, for asking its role. */
export class RoleQuery {
  readonly connection: Connection;
  /** Without those that were refused: each refusal is an entry in the ACL log of the server. */
  #commands = roleCommands;
  #replicas: readonly Endpoint[] | undefined;
  #isUncounted = false;
  #countAfterMs = -Infinity;

  private constructor(connection: Connection) {
    this.connection = connection;
  }

  /**
   * @param ms deadline for connecting, and another one for the reply to AUTH, in milliseconds
   * @throws TunnelError as `Connection.open`
   */
  static async open(endpoint: Endpoint, ms: number, options: ConnectionOptions): Promise<RoleQuery> {
    return new RoleQuery(await Connection.open(endpoint, ms, options));
  }

  get login(): Login {
    return this.connection.login;
  }

  /** The replicas that the server listed last; none where it is not a master, `undefined` until it has answered. */
  get replicas(): readonly Endpoint[] | undefined {
    return this.#replicas;
  }

  /**
   * Asks for the role. Where a command is refused, or its reply does not say the role, tries the next one; a command that
   * worked is tried first from then on, and where none worked only the first is tried again. A server that does not
   * answer gets no other command: replies come in order, so it would have to answer the first one before.
   *
   * @param ms deadline for all replies together, in milliseconds; when it passes the connection ends
   * @throws TunnelError the reason for which the connection ended
   */
  async role(ms: number): Promise<Role> {
    const deadlineMs = performance.now() + ms;
    const [first, ...others] = this.#commands;
    const reply = await this.connection.send(first.command, ms);
    const role = first.read(reply);
    if (role) return this.#learned(role, reply);
    const unknown = this.#withLogin(roleFromError(first, reply));
    // Without a login every other command is refused as well.
    if (reply instanceof ReplyError && reply.code === 'NOAUTH') return unknown;
    try {
      for (const [index, next] of others.entries()) {
        const nextReply = await this.connection.send(
          next.command,
          Math.max(1, deadlineMs - performance.now()),
        );
        const nextRole = next.read(nextReply);
        if (!nextRole) continue;
        this.#commands = [next, ...others.slice(index + 1)];
        return this.#learned(nextRole, nextReply);
      }
    } catch (error) {
      // The first reply counts, for example "max number of clients reached".
      if (error instanceof TunnelError) return unknown;
      throw error;
    }
    this.#commands = [first];
    return unknown;
  }

  /**
   * Asks a master for its replicas, if its last reply did not list them. Returns at once.
   *
   * @param ms deadline for the reply, in milliseconds
   */
  count(ms: number): void {
    const nowMs = performance.now();
    if (!this.#isUncounted || nowMs < this.#countAfterMs) return;
    this.#countAfterMs = nowMs + countEveryMs;
    this.connection.send(['INFO', 'replication'], ms).then(
      (reply) => {
        if (reply instanceof ReplyError) this.#countAfterMs = Infinity;
        this.#counted(readReplicationInfo(reply));
      },
      // The connection has ended, and the next call of `role` reports it.
      () => undefined,
    );
  }

  #learned(role: Role, reply: Reply): Role {
    const isMaster = role.kind === 'master' || role.kind === 'active-replica';
    const replication = readReplication(reply) ?? readReplicationInfo(reply);
    this.#isUncounted = isMaster && !replication;
    if (!this.#isUncounted) this.#counted(isMaster ? replication : undefined);
    return role;
  }

  #counted(replication: Replication | undefined): void {
    this.#replicas = replication?.replicas.map(({ endpoint }) => endpoint) ?? [];
  }

  #withLogin(role: Role): Role {
    if (role.kind !== 'unverifiable' || this.login.kind !== 'refused') return role;
    return { kind: 'unverifiable', why: `it refuses the credentials of "redis": ${this.login.why}` };
  }
}
