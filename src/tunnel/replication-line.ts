import { TunnelError } from '../errors.ts';
import type { Endpoint } from '../net/endpoint.ts';
import type { Access } from '../net/tls.ts';
import { Connection } from '../redis/connection.ts';
import { ReplyError } from '../redis/resp.ts';
import { readReplicationInfo, type ReplicationInfo } from '../redis/info.ts';

/** What came of asking a server for `INFO replication`. */
export type ReplicationReply =
  | {
      readonly kind: 'info';
      readonly info: ReplicationInfo;
    }
  | { readonly kind: 'none'; readonly why: string };

/** A side connection to one server, for `INFO replication`: opened at the first question, and again after it broke. */
export class ReplicationLine {
  readonly #endpoint: Endpoint;
  readonly #access: Access;
  #connection: Connection | undefined;

  constructor(endpoint: Endpoint, access: Access) {
    this.#endpoint = endpoint;
    this.#access = access;
  }

  /**
   * Asks. One question at a time. Never throws for what the network does.
   *
   * @param ms deadline for connecting, and another one for the reply, in milliseconds
   */
  async ask(ms: number): Promise<ReplicationReply> {
    try {
      if (!this.#connection || this.#connection.whyEnded())
        this.#connection = await Connection.open(this.#endpoint, ms, { access: this.#access });
      const reply = await this.#connection.send(['INFO', 'replication'], ms);
      const info = readReplicationInfo(reply);
      if (info) return { kind: 'info', info };
      const why = reply instanceof ReplyError ? reply.text : 'the reply to INFO replication is not valid';
      return { kind: 'none', why };
    } catch (error) {
      if (error instanceof TunnelError) return { kind: 'none', why: error.message };
      throw error;
    }
  }

  close(): void {
    this.#connection?.close();
  }
}
