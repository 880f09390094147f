import { constants, X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { certificateNames, describeNames, isAllowedName } from '../../../net/certificate-names.ts';
import { setBearer, type ServerTls } from '../../../net/tls.ts';
import { denialLine, lingeringCloseMs } from '../../../net/refusal-reply.ts';

export interface TlsAcceptorCallbacks {
  /** A client has come through the handshake and is who it should be. */
  secured(socket: TLSSocket): void;
  /** One has not, and why; the names in it are its own words. */
  refused(reason: string): void;
}

/** A client that has not said its first byte, or has not ended its handshake, is dropped after this, in milliseconds. */
const handshakeMs = 5_000;
/** As many clients may be on their way through the door at once; it is what the kernel would keep for us too. */
const mostHandshakes = 1024;
/** The first byte of every TLS connection: a handshake record (RFC 8446 5.1). */
const handshakeRecord = 0x16;

/** Takes the connections of a listener through their TLS handshake. One without TLS is told so in its own language. */
export class TlsAcceptor {
  readonly #callbacks: TlsAcceptorCallbacks;
  #tls: ServerTls;
  #server: Server;
  /** Every connection that it took and that is still open. */
  readonly #taken = new Set<Socket>();
  /** Those in the handshake, by the address they come from. Unix sockets have none, and none to reset either. */
  readonly #bearers = new Map<string, Socket>();
  /** Those that have not come through yet. */
  readonly #greeting = new Set<Socket>();

  constructor(tls: ServerTls, callbacks: TlsAcceptorCallbacks) {
    this.#tls = tls;
    this.#callbacks = callbacks;
    this.#server = this.#serve(tls);
  }

  /** Other certificates and names for those who come from now on. */
  renew(tls: ServerTls): void {
    this.#tls = tls;
    this.#server = this.#serve(tls);
  }

  take(bearer: Socket): void {
    if (this.#greeting.size >= mostHandshakes) {
      this.#callbacks.refused(`${String(mostHandshakes)} TLS handshakes are going on already`);
      bearer.destroy();
      return;
    }
    this.#greeting.add(bearer);
    this.#taken.add(bearer);
    bearer.on('error', () => undefined); // it may go at any time, which its TLS socket reports
    const timer = setTimeout(() => {
      this.#greeting.delete(bearer);
      this.#callbacks.refused(`no TLS handshake within ${String(handshakeMs)} ms`);
      bearer.destroy();
    }, handshakeMs);
    let isShaking = false;
    bearer.once('close', () => {
      clearTimeout(timer);
      this.#taken.delete(bearer);
      if (this.#greeting.delete(bearer) && isShaking)
        this.#callbacks.refused('TLS handshake failed: the client broke it off');
    });
    bearer.once('end', () => bearer.destroy());
    bearer.once('readable', () => {
      const first = bearer.read() as Buffer | null;
      if (first === null) return; // it has left without a word
      clearTimeout(timer);
      bearer.removeAllListeners('end');
      if (first[0] === handshakeRecord) {
        isShaking = true;
        bearer.unshift(first);
        this.#shakeHands(bearer);
        return;
      }
      this.#greeting.delete(bearer);
      this.#callbacks.refused('a client without TLS on a port that expects TLS');
      tell(bearer, 'this port expects TLS');
    });
  }

  /** Ends whatever it has taken. */
  close(): void {
    for (const bearer of this.#taken) bearer.destroy();
  }

  #shakeHands(bearer: Socket): void {
    const key = keyOf(bearer);
    if (key !== undefined) this.#bearers.set(key, bearer);
    bearer.once('close', () => {
      if (key !== undefined && this.#bearers.get(key) === bearer) this.#bearers.delete(key);
    });
    this.#server.emit('connection', bearer);
  }

  #serve({ identity, clientCa, minVersion }: ServerTls): Server {
    const server = createServer({
      cert: identity.cert,
      key: identity.key.reveal(),
      minVersion,
      allowHalfOpen: true,
      handshakeTimeout: handshakeMs,
      ...(clientCa !== undefined && {
        ca: clientCa,
        requestCert: true,
        // Judged here, so that it can be told why.
        rejectUnauthorized: false,
        // Every client is verified in a handshake of its own, by the certificates of now.
        secureOptions: constants.SSL_OP_NO_TICKET,
      }),
    });
    server.on('secureConnection', (socket) => {
      const bearer = this.#bearerOf(socket);
      if (bearer) {
        setBearer(socket, bearer);
        this.#greeting.delete(bearer);
      } else this.#forgetOne();
      const objection = this.#objectionTo(socket);
      if (objection === undefined) {
        this.#callbacks.secured(socket);
        return;
      }
      this.#callbacks.refused(objection);
      tell(socket, objection);
    });
    server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
      const bearer = this.#bearerOf(socket);
      // One that is closed already has told it, or will.
      if (bearer && this.#greeting.delete(bearer))
        this.#callbacks.refused(`TLS handshake failed: ${whyFailed(error)}`);
      socket.destroy();
    });
    return server;
  }

  #bearerOf(socket: TLSSocket): Socket | undefined {
    const key = keyOf(socket);
    return key === undefined ? undefined : this.#bearers.get(key);
  }

  /** A connection of a unix socket has come through; which one cannot be told, only that it is one less. */
  #forgetOne(): void {
    for (const bearer of this.#greeting) {
      if (keyOf(bearer) !== undefined) continue;
      this.#greeting.delete(bearer);
      return;
    }
  }

  #objectionTo(socket: TLSSocket): string | undefined {
    const { clientCa, allowNames } = this.#tls;
    if (clientCa === undefined) return undefined;
    const { raw } = socket.getPeerCertificate() as { raw?: Buffer };
    if (raw === undefined) return 'this port asks for a client certificate, and none was shown';
    const names = certificateNames(new X509Certificate(raw));
    const whose = `the certificate of ${describeNames(names)}`;
    if (!socket.authorized) return `${whose} is not accepted: ${whyUntrusted(socket)}`;
    if (allowNames.length === 0 || names.some((name) => isAllowedName(name, allowNames))) return undefined;
    return `${whose} is not allowed here`;
  }
}

/** Node gives the code of OpenSSL here, whatever its types say. */
function whyUntrusted({ authorizationError }: TLSSocket): string {
  const code = String(authorizationError);
  return code === 'CERT_HAS_EXPIRED' ? 'it has expired' : `it is signed by no CA of clientCa (${code})`;
}

function whyFailed(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA':
      return 'the client does not trust the CA of our certificate';
    case 'ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE':
    case 'ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN':
      return 'the client does not accept our certificate';
    case 'ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED':
      return 'the client says that our certificate has expired';
    case 'ERR_SSL_UNSUPPORTED_PROTOCOL':
      return 'the client speaks no TLS version that tls.minVersion allows';
    case 'ERR_TLS_HANDSHAKE_TIMEOUT':
      return `not ended within ${String(handshakeMs)} ms`;
    case 'ECONNRESET':
      return 'the client broke it off';
    default:
      return error.code ?? error.message;
  }
}

/** One line of the Redis protocol, and the end. */
function tell(socket: Socket, reason: string): void {
  socket.on('error', () => undefined); // it may have gone; nothing more is owed to it
  socket.end(denialLine(reason));
  socket.resume(); // what it says goes nowhere; unread, it would reset the line away
  const timer = setTimeout(() => socket.destroy(), lingeringCloseMs);
  socket.once('close', () => {
    clearTimeout(timer);
  });
}

function keyOf({ remoteAddress, remotePort }: Socket): string | undefined {
  return remotePort === undefined ? undefined : `${String(remoteAddress)} ${String(remotePort)}`;
}
