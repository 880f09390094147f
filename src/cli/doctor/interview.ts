import { messageOf, TunnelError, type ErrorCode } from '../../errors.ts';
import { formatEndpoint, type Endpoint } from '../../net/endpoint.ts';
import type { OwnListeners } from '../../net/own-listeners.ts';
import type { Access } from '../../net/tls.ts';
import type { Peer } from '../../redis/connection-errors.ts';
import { Connection, type Login } from '../../redis/connection.ts';
import { ReplyError, type Reply } from '../../redis/resp.ts';
import { roleCommands, type Role, type RoleCommand } from '../../redis/role.ts';
import type { Evidence } from './finding.ts';
import { probeTls, type TlsProbe } from './tls-probe.ts';

/** One question that was answered. */
export interface Answered {
  readonly reply: Reply;
  /** Wall clock when it was asked, and how long the answer took; both in milliseconds. */
  readonly askedAtMs: number;
  readonly tookMs: number;
}

/** Why a server could not be asked, or not to the end. */
export interface Failure {
  readonly code: ErrorCode | undefined;
  /** `ECONNREFUSED` and the like, or the code of OpenSSL. */
  readonly cause: string | undefined;
  readonly text: string;
}

/** All that one server was asked on one connection, and what it answered. A value. */
export interface Interview {
  readonly endpoint: Endpoint;
  /** `host:port`. */
  readonly by: string;
  readonly failure: Failure | undefined;
  readonly login: Login;
  /** By the words of the question, with spaces between them. */
  readonly answers: ReadonlyMap<string, Answered>;
  /** What else was seen at the port: its certificate, or that it speaks the other way. */
  readonly tlsProbe: TlsProbe | undefined;
}

export interface Manner {
  readonly access: Access;
  /** Deadline of connecting, of the login and of every answer, each; in milliseconds. */
  readonly ms: number;
  /** Where not to connect to. */
  readonly own?: OwnListeners;
  /** Who is expected to answer. */
  readonly peer: Peer;
  /** The questions are subscriptions. */
  readonly isSubscriber?: boolean;
}

/** Asks a server everything at once. Never throws; bounded by three times `ms`, and twice that for a look at its port. */
export async function interview(
  endpoint: Endpoint,
  questions: readonly (readonly string[])[],
  { access, ms, own, peer, isSubscriber = false }: Manner,
): Promise<Interview> {
  const answers = new Map<string, Answered>();
  let failure: Failure | undefined;
  let login: Login = { kind: 'none' };
  let connection: Connection | undefined;
  try {
    const open = await Connection.open(endpoint, ms, { access, own, peer });
    connection = open;
    login = open.login;
    if (isSubscriber) open.onMessage(() => undefined);
    const settled = await Promise.allSettled(
      questions.map(async (words) => {
        const [askedAtMs, beganMs] = [Date.now(), performance.now()];
        const reply = await open.send(words, ms);
        answers.set(words.join(' '), { reply, askedAtMs, tookMs: performance.now() - beganMs });
      }),
    );
    const lost = settled.find((each) => each.status === 'rejected');
    if (lost) failure = failureOf(lost.reason);
  } catch (error) {
    failure = failureOf(error);
  } finally {
    connection?.close();
  }
  const isWorthALook = access.tls ? true : isPerhapsTls(failure, answers.size);
  return {
    endpoint,
    by: formatEndpoint(endpoint),
    failure,
    login,
    answers,
    tlsProbe:
      isWorthALook && !isUnreached(failure)
        ? await probeTls(endpoint, access.tls, failure !== undefined, ms)
        : undefined,
  };
}

export function replyTo(asked: Interview, ...words: readonly string[]): Reply | undefined {
  return asked.answers.get(words.join(' '))?.reply;
}

/** The text of an error reply; `undefined` where the answer is another, or there is none. */
export function errorTo(asked: Interview, ...words: readonly string[]): string | undefined {
  const reply = replyTo(asked, ...words);
  return reply instanceof ReplyError ? reply.text : undefined;
}

/** What a server says that it is, and in answer to which question; `undefined` where it tells in no way. */
export function toldRole(asked: Interview): { question: RoleCommand; role: Role } | undefined {
  for (const question of roleCommands) {
    const reply = replyTo(asked, ...question.command);
    const role = reply === undefined ? undefined : question.read(reply);
    if (role) return { question, role };
  }
  return undefined;
}

/** A question and its answer as evidence. */
export function said(asked: Interview, ...words: readonly string[]): Evidence {
  const answered = asked.answers.get(words.join(' '));
  const text = answered ? replyText(answered.reply) : (asked.failure?.text ?? 'nothing');
  return { by: asked.by, asked: words.join(' '), answered: text };
}

/** That a connection came to nothing, as evidence. */
export function failed(asked: Interview): Evidence {
  return { by: asked.by, asked: 'to connect', answered: asked.failure?.text ?? 'connected' };
}

const mostShown = 6;

/** A reply in one line for a person. */
function replyText(reply: Reply): string {
  if (reply === null) return '(nil)';
  if (reply instanceof ReplyError) return reply.text;
  if (typeof reply === 'string' || typeof reply === 'number') return String(reply).trim();
  const parts = reply.slice(0, mostShown).map(replyText);
  const more = reply.length > mostShown ? ` … (${String(reply.length)} in all)` : '';
  return `${parts.join(' ')}${more}`;
}

function failureOf(error: unknown): Failure {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined;
  return {
    code: error instanceof TunnelError ? error.code : undefined,
    cause: code,
    text: messageOf(error),
  };
}

/** A plain connection that ended without an answer, or was answered in TLS. */
function isPerhapsTls(failure: Failure | undefined, answers: number): boolean {
  return failure !== undefined && answers === 0;
}

/** Nobody is there to be looked at. */
function isUnreached(failure: Failure | undefined): boolean {
  const { code, cause } = failure ?? {};
  return (
    (code === 'ST_SENTINEL_UNREACHABLE' || code === 'ST_REDIS_UNREACHABLE') &&
    cause !== undefined &&
    cause !== 'ECONNRESET' &&
    cause !== 'EPIPE'
  );
}
