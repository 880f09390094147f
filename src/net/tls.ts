import { isIP, type Socket } from 'node:net';
import {
  connect,
  createSecureContext,
  type ConnectionOptions,
  type SecureContext,
  type TLSSocket,
} from 'node:tls';
import { messageOf } from '../errors.ts';
import { formatEndpoint, type Endpoint } from './endpoint.ts';
import type { Credentials, Secret } from './secret.ts';

export const tlsVersions = ['TLSv1.2', 'TLSv1.3'] as const;
export type TlsVersion = (typeof tlsVersions)[number];

/** A certificate with its chain, and its private key; both PEM. */
export interface Identity {
  readonly cert: string;
  readonly key: Secret;
}

/** TLS settings as a client. Contents instead of paths, so that a changed file is a changed configuration. */
export interface ClientTls {
  /** The trusted CA certificates, PEM; by default those of Node. */
  readonly ca?: string;
  /** The client certificate. */
  readonly identity?: Identity;
  /** The name to verify certificates for, instead of the dialled host. */
  readonly servername?: string;
  readonly minVersion: TlsVersion;
}

/** Credentials and TLS settings for one kind of server, never used for another kind. */
export interface Access {
  readonly credentials?: Credentials;
  readonly tls?: ClientTls;
}

/** Credentials, TLS settings and port of the servers of a database. */
export interface ServerAccess extends Access {
  /** The port of all servers, instead of the announced ones. */
  readonly port?: number;
}

/** TLS settings of a listener. */
export interface ServerTls {
  readonly identity: Identity;
  /** The CAs of required client certificates, PEM; without it clients need none. */
  readonly clientCa?: string;
  /** A client certificate needs one of these names; if empty, any certificate of `clientCa` is accepted. */
  readonly allowNames: readonly string[];
  readonly minVersion: TlsVersion;
}

/** Whether a database uses TLS with clients or servers. Not every engine supports it, so a change reopens the database. */
export function speaksTls(database: {
  readonly redis: Access;
  readonly listen: readonly { readonly tls?: ServerTls }[];
}): boolean {
  return database.redis.tls !== undefined || database.listen.some(({ tls }) => tls !== undefined);
}

/** The connection under TLS, by the socket above it. */
const bearers = new WeakMap<Socket, Socket>();

/** @returns the TCP socket below a TLS socket, if known */
export function bearerOf(socket: Socket): Socket | undefined {
  return bearers.get(socket);
}

export function setBearer(socket: TLSSocket, bearer: Socket): void {
  bearers.set(socket, bearer);
}

/** A context takes a millisecond or more to create. Settings never change, so each has one. */
const contexts = new WeakMap<ClientTls, SecureContext>();

function contextOf(tls: ClientTls): SecureContext {
  const known = contexts.get(tls);
  if (known) return known;
  const { ca, identity, minVersion } = tls;
  const context = createSecureContext({
    minVersion,
    ...(ca !== undefined && { ca }),
    ...(identity && { cert: identity.cert, key: identity.key.reveal() }),
  });
  contexts.set(tls, context);
  return context;
}

/**
 * Starts a TLS handshake on a socket that may still be connecting. Half-close stays as the socket has it. The certificate must be valid
 * for the host of `endpoint`, or for `servername`.
 */
export function secure(socket: Socket, { host }: Endpoint, tls: ClientTls): TLSSocket {
  const name = tls.servername ?? host;
  const options: ConnectionOptions = {
    socket,
    secureContext: contextOf(tls),
    // Verified against `servername`, or else `host`: an IP address may not be sent as SNI (RFC 6066 3).
    host: name,
    servername: isIP(name) === 0 ? name : '',
  };
  const secured = connect(options);
  setBearer(secured, socket);
  return secured;
}

const untrusted = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'CERT_SIGNATURE_FAILURE',
]);

/** The most characters of certificate names in a message. */
const longestNames = 200;

/** Alerts of a server about our certificate (RFC 8446, 6.2). */
const alerts: Readonly<Record<string, string>> = {
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'it asks for a client certificate, set tls.cert and tls.key',
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE:
    'it refuses the handshake, it may ask for a client certificate: set tls.cert and tls.key',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'it does not trust the CA of our certificate',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'it does not accept our certificate',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: 'it does not accept our certificate',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'it says that our certificate has expired',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'it speaks no TLS version that tls.minVersion allows',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'it speaks no TLS version that tls.minVersion allows',
};

/** @returns why a handshake failed, for the end of a sentence about the server */
export function whyNoTls(error: Error, tls: ClientTls, endpoint: Endpoint): string {
  const code = codeOf(error) ?? '';
  const alert = alerts[code];
  if (alert !== undefined) return alert;
  if (untrusted.has(code)) {
    const trust = tls.ca === undefined ? 'no CA that is trusted without tls.ca' : 'no CA of tls.ca';
    return `its certificate is signed by ${trust} (${code})`;
  }
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return 'its certificate has expired';
    case 'CERT_NOT_YET_VALID':
      return 'its certificate is not valid yet: do the clocks agree?';
    case 'ERR_TLS_CERT_ALTNAME_INVALID': {
      const names = 'cert' in error ? (error.cert as { subjectaltname?: string }).subjectaltname : undefined;
      const wanted = tls.servername ?? endpoint.host;
      return `its certificate is for ${(names ?? 'no name').slice(0, longestNames)} and not for "${wanted}": tls.servername says which name to expect`;
    }
    case 'ECONNRESET':
    case 'EPIPE':
      return 'it broke the handshake off: is this a TLS port?';
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
      return 'it does not answer in TLS: is this a TLS port?';
    default:
      return code === '' ? messageOf(error) : code;
  }
}

/** Whether an error comes from TLS, and not from the connection below it. */
export function isTlsError(error: Error): boolean {
  const code = codeOf(error) ?? '';
  return code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_') || /CERT|SIGNATURE|ISSUER/.test(code);
}

/** Whether bytes are the begin of a TLS record: alert or handshake, of any version (RFC 8446 5.1). */
export function looksLikeTls(bytes: Uint8Array): boolean {
  return (bytes[0] === 0x15 || bytes[0] === 0x16) && (bytes[1] === undefined || bytes[1] === 3);
}

/** `10.0.0.1:6379 … TLS` for messages: which server, and that it was TLS that failed. */
export function tlsFailure(endpoint: Endpoint, why: string): string {
  return `No TLS with ${formatEndpoint(endpoint)}: ${why}`;
}

function codeOf(error: Error): string | undefined {
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
