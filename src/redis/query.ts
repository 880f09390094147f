import { messageOf, TunnelError, type ErrorCode } from '../errors.ts';
import { formatEndpoint, type Endpoint } from '../net/endpoint.ts';
import { Connection, type ConnectionOptions, type Login } from './connection.ts';
import type { Reply } from './resp.ts';

/** A command for a server: its name and its arguments. */
export type Command = readonly string[];

/** A reply, and how long it took. */
export interface TimedReply {
  readonly reply: Reply;
  /** Wall clock when the command was sent, in milliseconds. */
  readonly sentAtMs: number;
  readonly tookMs: number;
}

/** Why a server could not be asked, or did not answer every command. */
export interface QueryFailure {
  readonly code: ErrorCode | undefined;
  /** `ECONNREFUSED` and the like, or the code of OpenSSL. */
  readonly cause: string | undefined;
  readonly text: string;
}

/** What one server answered to several commands on one connection. A value. */
export interface ServerReplies {
  readonly endpoint: Endpoint;
  /** `host:port`. */
  readonly server: string;
  readonly isConnected: boolean;
  /** Whether it runs on another host; `false` where there was no connection. */
  readonly isRemote: boolean;
  readonly login: Login;
  readonly failure: QueryFailure | undefined;
  /** By the words of the command, with a space between them. */
  readonly replies: ReadonlyMap<string, TimedReply>;
}

/** How to query a server. */
export interface QueryOptions extends ConnectionOptions {
  /** Deadline for connecting, for the reply to AUTH and for each reply, in milliseconds. */
  readonly ms: number;
  /** Whether the commands are subscriptions. */
  readonly isSubscriber?: boolean;
}

/**
 * Sends a server several commands at once, on one connection, and waits for all replies. The replies that came before the
 * connection ended count. Never throws; takes at most three times `ms`.
 */
export async function queryServer(
  endpoint: Endpoint,
  commands: readonly Command[],
  { ms, isSubscriber = false, ...options }: QueryOptions,
): Promise<ServerReplies> {
  const replies = new Map<string, TimedReply>();
  let failure: QueryFailure | undefined;
  let connection: Connection | undefined;
  try {
    const open = await Connection.open(endpoint, ms, options);
    connection = open;
    if (isSubscriber) open.onMessage(() => undefined);
    const settled = await Promise.allSettled(
      commands.map(async (command) => {
        const [sentAtMs, beganMs] = [Date.now(), performance.now()];
        const reply = await open.send(command, ms);
        replies.set(command.join(' '), { reply, sentAtMs, tookMs: performance.now() - beganMs });
      }),
    );
    const failed = settled.find((each) => each.status === 'rejected');
    if (failed) failure = failureFrom(failed.reason);
  } catch (error) {
    failure = failureFrom(error);
  } finally {
    connection?.close();
  }
  return {
    endpoint,
    server: formatEndpoint(endpoint),
    isConnected: connection !== undefined,
    isRemote: connection?.isRemote ?? false,
    login: connection?.login ?? { kind: 'none' },
    failure,
    replies,
  };
}

/** @returns the reply to a command; `undefined` where there is none */
export function replyTo({ replies }: Pick<ServerReplies, 'replies'>, command: Command): Reply | undefined {
  return replies.get(command.join(' '))?.reply;
}

function failureFrom(error: unknown): QueryFailure {
  const cause = error instanceof Error ? error.cause : undefined;
  return {
    code: error instanceof TunnelError ? error.code : undefined,
    cause: cause instanceof Error && 'code' in cause ? String(cause.code) : undefined,
    text: messageOf(error),
  };
}
