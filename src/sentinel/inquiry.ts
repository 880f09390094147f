import type { Endpoint } from '../net/endpoint.ts';
import type { OwnListeners } from '../net/own-listeners.ts';
import type { Access } from '../net/tls.ts';
import { Connection, type Login } from './connection.ts';
import { asMap, ReplyError } from './resp.ts';
import { readReplicas, readRole, type Role } from './role.ts';

/** A connection of our own to a Redis server, on which it is asked what it is; never a client's. */
export class Inquiry {
  readonly connection: Connection;
  #isRoleForbidden = false;
  #replicas: readonly Endpoint[] = [];

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

  /** The replicas that it counted when it was asked last; none where it is no master, or ROLE is not for us. */
  get replicas(): readonly Endpoint[] {
    return this.#replicas;
  }

  /**
   * Asks once. Where the ACL forbids ROLE, which is among the dangerous commands, HELLO is asked: no ACL can forbid that, and
   * its reply has the role too (redis 7.0.15, acl.c, ACLSelectorCheckCmd; networking.c, helloCommand).
   *
   * @param ms deadline of each reply, in milliseconds; when it passes the connection ends
   * @throws TunnelError the reason for which the connection ended
   */
  async role(ms: number): Promise<Role> {
    const reply = this.#isRoleForbidden ? undefined : await this.connection.ask(['ROLE'], ms);
    this.#replicas = reply === undefined ? [] : readReplicas(reply);
    const isForbidden = reply instanceof ReplyError && reply.code === 'NOPERM';
    if (reply !== undefined && !isForbidden) return this.#withLogin(readRole(reply));
    const hello = asMap(await this.connection.ask(['HELLO'], ms)).get('role');
    if (hello === 'master' || hello === 'replica') {
      this.#isRoleForbidden = true; // each refusal is an entry in the ACL log of the server
      return { kind: hello };
    }
    return this.#withLogin(readRole(reply ?? new ReplyError('NOPERM neither ROLE nor HELLO')));
  }

  #withLogin(role: Role): Role {
    if (role.kind !== 'unverifiable' || this.login.kind !== 'refused') return role;
    return { kind: 'unverifiable', why: `it refuses the credentials of "redis": ${this.login.why}` };
  }
}
