import { connect as connectPlain, type Socket } from 'node:net';
import { connect, createSecureContext } from 'node:tls';
import type { Endpoint } from '../../net/endpoint.ts';
import { lookupAny } from '../../net/names.ts';
import type { ClientTls } from '../../net/tls.ts';

/** What is seen of a port by those who only look: nothing secret is said. */
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

/**
 * Looks at the certificate of a port, trusted or not, or at whether it speaks without TLS.
 *
 * @param hasFailed whether speaking to it the way `tls` says has failed
 * @param ms deadline of each look, in milliseconds
 */
export async function probeTls(
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
