import { connect as connectPlain, type Socket } from 'node:net';
import { connect, createSecureContext } from 'node:tls';
import type { Endpoint } from '../../net/endpoint.ts';
import { lookupAny } from '../../net/names.ts';
import type { Access, ClientTls } from '../../net/tls.ts';
import type { QueryFailure, ServerReplies } from '../../redis/query.ts';

/** What a port shows to a client that sends nothing secret. */
export type TlsProbe =
  | {
      readonly kind: 'tls';
      readonly subject: string;
      /** Its alternative names, as OpenSSL prints them. */
      readonly names: string;
      readonly issuer: string;
      /** Wall clock, in milliseconds. */
      readonly validFromMs: number;
      readonly validToMs: number;
    }
  /** It answers PING without TLS. */
  | { readonly kind: 'plain'; readonly said: string };

/** The replies of a server, and what its port shows of TLS where that matters. */
export interface ProbedReplies extends ServerReplies {
  readonly tlsProbe: TlsProbe | undefined;
}

/** Probes the TLS of a server that is to speak it, or that may want it: one that failed without any reply. */
export async function withTlsProbe(
  replies: ServerReplies,
  { access: { tls }, ms }: { readonly access: Access; readonly ms: number },
): Promise<ProbedReplies> {
  const { endpoint, failure } = replies;
  const isRelevant = tls !== undefined || (failure !== undefined && replies.replies.size === 0);
  const isProbed = isRelevant && !isUnreached(failure);
  return {
    ...replies,
    tlsProbe: isProbed ? await probeTls(endpoint, tls, failure !== undefined, ms) : undefined,
  };
}

/** Whether there is nothing to connect to. */
function isUnreached(failure: QueryFailure | undefined): boolean {
  const { code, cause } = failure ?? {};
  return (
    (code === 'ST_SENTINEL_UNREACHABLE' || code === 'ST_REDIS_UNREACHABLE') &&
    cause !== undefined &&
    cause !== 'ECONNRESET' &&
    cause !== 'EPIPE'
  );
}

/**
 * Reads the certificate of a port, trusted or not, or finds that it speaks without TLS.
 *
 * @param hasFailed whether a connection by `tls` has failed
 * @param ms deadline of each connection, in milliseconds
 */
async function probeTls(
  endpoint: Endpoint,
  tls: ClientTls | undefined,
  hasFailed: boolean,
  ms: number,
): Promise<TlsProbe | undefined> {
  // A plain port lets a handshake hang, and answers a plain word at once.
  const word = tls && hasFailed ? await plainWordOf(endpoint, ms) : undefined;
  return word ?? (await certificateAt(endpoint, tls, ms));
}

/** Whatever it shows is only printed: the connection ends without a word, so it need not be verified. */
function certificateAt(
  { host, port }: Endpoint,
  tls: ClientTls | undefined,
  ms: number,
): Promise<TlsProbe | undefined> {
  const identity = tls?.identity;
  const socket = connect({
    host,
    port,
    lookup: lookupAny,
    rejectUnauthorized: false,
    ...(tls?.servername !== undefined && { servername: tls.servername }),
    secureContext: createSecureContext({
      ...(identity && { cert: identity.cert, key: identity.key.reveal() }),
    }),
  });
  return seenAt(socket, ms, (settle) => {
    socket.once('secureConnect', () => {
      const certificate = socket.getPeerX509Certificate();
      if (!certificate) {
        settle();
        return;
      }
      const { subject, issuer, subjectAltName = '', validFrom, validTo } = certificate;
      settle({
        kind: 'tls',
        subject: oneLine(subject),
        names: oneLine(subjectAltName),
        issuer: oneLine(issuer),
        validFromMs: Date.parse(validFrom),
        validToMs: Date.parse(validTo),
      });
    });
  });
}

function plainWordOf({ host, port }: Endpoint, ms: number): Promise<TlsProbe | undefined> {
  const socket = connectPlain({ host, port, lookup: lookupAny });
  return seenAt(socket, ms, (settle) => {
    socket.once('data', (chunk) => {
      const [line = ''] = chunk.toString('latin1', 0, 80).split('\r\n');
      settle(/^[+-]/.test(line) ? { kind: 'plain', said: line } : undefined);
    });
    socket.write('PING\r\n');
  });
}

/** What `look` has seen of a connection, until that ends or its time is over. It is closed then. */
function seenAt(
  socket: Socket,
  ms: number,
  look: (settle: (seen?: TlsProbe) => void) => void,
): Promise<TlsProbe | undefined> {
  return new Promise((resolve) => {
    const settle = (seen?: TlsProbe): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(seen);
    };
    const timer = setTimeout(settle, ms);
    for (const end of ['error', 'close']) {
      socket.on(end, () => {
        settle();
      });
    }
    look(settle);
  });
}

/** The parts of a name, each on its line in Node, in one; in some versions a part may be missing as a whole. */
function oneLine(text: string | undefined): string {
  return (text ?? '').replaceAll('\n', ', ');
}
