import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import type { HttpBindings } from '@hono/node-server';
import type { Context, MiddlewareHandler } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Secret } from '../net/secret.ts';
import { printableJson } from '../printable.ts';
import type { Connections } from './connections.ts';

/** What every handler of the admin listener gets. */
export interface AdminEnv {
  Bindings: HttpBindings;
}

/** Nothing but what this listener serves itself is loaded, framed or kept. */
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

/** Puts the headers on every answer, refusals too. */
export const withSecurityHeaders: MiddlewareHandler<AdminEnv> = async (context, next) => {
  await next();
  for (const [name, value] of Object.entries(securityHeaders)) context.res.headers.set(name, value);
};

/** A middleware that lets pass what it has nothing to say against. */
function unless(whyNot: (context: Context<AdminEnv>) => Response | undefined): MiddlewareHandler<AdminEnv> {
  return async (context, next) => {
    const refusal = whyNot(context);
    if (!refusal) await next();
    return refusal;
  };
}

/**
 * Turns away whoever comes under a name that is not ours: a page of another site whose name suddenly leads to this
 * address (DNS rebinding) still says its own name. A unix socket is out of a browser's reach.
 *
 * @param hosts names that are ours, besides `localhost` and the address that was connected to
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

/** Turns away what a page of another origin has sent: nothing here is for other sites. */
export const onlyOwnOrigin: MiddlewareHandler<AdminEnv> = unless((context) => {
  const header = (name: string): string | undefined => context.req.header(name);
  const origin = header('origin');
  const site = header('sec-fetch-site') ?? 'none';
  const isOwn = origin === undefined || origin === `http://${header('host') ?? ''}`;
  // A link that leads here from elsewhere may be followed: it shows the page, and tells nobody what it says.
  const isVisit =
    context.req.method === 'GET' &&
    header('sec-fetch-mode') === 'navigate' &&
    header('sec-fetch-dest') === 'document';
  if (isOwn && (site === 'same-origin' || site === 'none' || isVisit)) return undefined;
  return refuse(context, 403, 'Requests of other origins are refused');
});

/**
 * Asks for `Authorization: Bearer TOKEN`, where there is a token. Before it nothing is read of what a request carries.
 *
 * @param connections are told whose connection has shown it
 */
export function onlyWithToken(
  token: Secret | undefined,
  connections: Connections,
): MiddlewareHandler<AdminEnv> {
  return unless((context) => {
    if (token === undefined) return undefined;
    if (isBearer(context, token)) {
      connections.know(context.env.incoming.socket);
      return undefined;
    }
    context.header('WWW-Authenticate', 'Bearer realm="sentinel-tunnel"');
    return refuse(context, 401, 'Expected "Authorization: Bearer TOKEN" with the token of "admin.token"');
  });
}

/** Lets nobody act where nobody can be told from anybody else. */
export function onlyWhereTokens(token: Secret | undefined): MiddlewareHandler<AdminEnv> {
  return unless((context) => {
    if (token !== undefined) return undefined;
    // Whoever shows one has read it in the file: what is missing is that we have.
    const text =
      context.req.header('authorization') === undefined
        ? 'configure "admin.token" or "admin.tokenFile", and reload (SIGHUP)'
        : 'the configuration in force has no "admin.token"; where the file has one by now, reload (SIGHUP, systemctl reload)';
    return refuse(context, 403, `Actions need a token: ${text}`);
  });
}

/** An answer that says why not. */
export function refuse(
  context: Context,
  status: 400 | 401 | 403 | 404 | 409 | 413 | 421 | 501 | 502 | 503,
  error: string,
): Response {
  return answerJson(context, { error }, status);
}

/** Any answer: what a person sees of it with `curl` steers no terminal, and to a program it is the same JSON. */
export function answerJson(context: Context, value: object, status: ContentfulStatusCode = 200): Response {
  return context.body(printableJson(value), status, { 'Content-Type': 'application/json' });
}

/** Who asks, for the log. */
export function whoOf(context: Context<AdminEnv>): string {
  return plainAddress(context.env.incoming.socket.remoteAddress ?? 'unix socket');
}

/** Compared by digests of one length, in a time that tells nothing of where they differ. */
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

/** An IPv4 address as it is written, also where a socket of both families gave it as `::ffff:1.2.3.4`. */
function plainAddress(address: string): string {
  const mapped = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : '';
  return isIP(mapped) === 4 ? mapped : address;
}
