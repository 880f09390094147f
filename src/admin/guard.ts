import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import type { HttpBindings } from '@hono/node-server';
import type { Context, MiddlewareHandler } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Secret } from '../net/secret.ts';
import { printableJson } from '../printable.ts';
import type { Connections } from './connections.ts';

/** The environment of every handler of the admin listener. */
export interface AdminEnv {
  Bindings: HttpBindings;
}

/** The page loads only what this listener serves; nothing may frame it or cache it. */
export const securityHeaders: Readonly<Record<string, string>> = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'Cache-Control': 'no-store',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

/** Sets the security headers on every response, errors included. */
export const withSecurityHeaders: MiddlewareHandler<AdminEnv> = async (context, next) => {
  await next();
  for (const [name, value] of Object.entries(securityHeaders)) context.res.headers.set(name, value);
};

/** A middleware that answers with a refusal, or passes the request on when there is none. */
function unless(whyNot: (context: Context<AdminEnv>) => Response | undefined): MiddlewareHandler<AdminEnv> {
  return async (context, next) => {
    const refusal = whyNot(context);
    if (!refusal) await next();
    return refusal;
  };
}

/**
 * Refuses requests with an unknown Host header. This stops DNS rebinding, where the name of another site resolves to this address:
 * the browser still sends that name. Browsers cannot reach a unix socket.
 *
 * @param hosts accepted names besides `localhost` and the address of the connection
 */
export function onlyKnownHosts(hosts: readonly string[]): MiddlewareHandler<AdminEnv> {
  const known = new Set(['localhost', '127.0.0.1', '::1', ...hosts.map((host) => host.toLowerCase())]);
  return unless((context) => {
    const { localAddress } = context.env.incoming.socket;
    const host = hostOf(context.req.header('host'));
    const isKnown = localAddress === undefined || known.has(host) || host === plainAddress(localAddress);
    if (isKnown) return undefined;
    const text = `Unknown host "${host}": connect to the address itself, or add the name to "admin.hosts"`;
    return refuse(context, 421, text);
  });
}

/** Refuses requests from pages of other origins. */
export const onlyOwnOrigin: MiddlewareHandler<AdminEnv> = unless((context) => {
  const header = (name: string): string | undefined => context.req.header(name);
  const origin = header('origin');
  const site = header('sec-fetch-site') ?? 'none';
  const isOwn = origin === undefined || origin === `http://${header('host') ?? ''}`;
  // A link from another site may be followed: it shows the page, and that site does not see it.
  const isVisit =
    context.req.method === 'GET' &&
    header('sec-fetch-mode') === 'navigate' &&
    header('sec-fetch-dest') === 'document';
  if (isOwn && (site === 'same-origin' || site === 'none' || isVisit)) return undefined;
  return refuse(context, 403, 'Requests from other origins are refused');
});

/**
 * Requires `Authorization: Bearer TOKEN` if a token is configured. The body of a request is not read before that.
 *
 * @param connections notes which connections are authenticated
 */
export function onlyWithToken(
  token: Secret | undefined,
  connections: Connections,
): MiddlewareHandler<AdminEnv> {
  return unless((context) => {
    if (token === undefined) return undefined;
    if (isBearer(context, token)) {
      connections.authenticated(context.env.incoming.socket);
      return undefined;
    }
    context.header('WWW-Authenticate', 'Bearer realm="sentinel-tunnel"');
    return refuse(context, 401, 'Expected "Authorization: Bearer TOKEN" with the token of "admin.token"');
  });
}

/** Refuses every action when no token is configured. */
export function onlyWhereTokens(token: Secret | undefined): MiddlewareHandler<AdminEnv> {
  return unless((context) => {
    if (token !== undefined) return undefined;
    // A client that sends a token has read it in the file, so only the reload is missing.
    const text =
      context.req.header('authorization') === undefined
        ? 'configure "admin.token" or "admin.tokenFile", and reload (SIGHUP)'
        : 'the running configuration has no "admin.token"; if the file has one now, reload (SIGHUP, systemctl reload)';
    return refuse(context, 403, `Actions need a token: ${text}`);
  });
}

/** @returns an error response with its reason as JSON */
export function refuse(
  context: Context,
  status: 400 | 401 | 403 | 404 | 409 | 413 | 421 | 501 | 502 | 503,
  error: string,
): Response {
  return answerJson(context, { error }, status);
}

/** @returns a JSON response with control characters escaped, so that it is safe in a terminal */
export function answerJson(context: Context, value: object, status: ContentfulStatusCode = 200): Response {
  return context.body(printableJson(value), status, { 'Content-Type': 'application/json' });
}

/** @returns the address of the client, for the log */
export function whoOf(context: Context<AdminEnv>): string {
  return plainAddress(context.env.incoming.socket.remoteAddress ?? 'unix socket');
}

/** Compares digests in constant time. */
function isBearer(context: Context<AdminEnv>, token: Secret): boolean {
  const given = /^Bearer +(.+)$/i.exec(context.req.header('authorization') ?? '')?.[1] ?? '';
  return timingSafeEqual(digest(given), digest(token.reveal()));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** The host of a Host header: without the port, an IPv6 address without its brackets. */
function hostOf(header = ''): string {
  const [, v6, name = ''] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(header.toLowerCase()) ?? [];
  return v6 ?? name;
}

/** @returns an IPv4 address in its usual form, also for `::ffff:1.2.3.4` from a dual-stack socket */
function plainAddress(address: string): string {
  const mapped = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : '';
  return isIP(mapped) === 4 ? mapped : address;
}
