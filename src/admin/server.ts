import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { AdminConfig } from '../config/types.ts';
import { messageOf } from '../errors.ts';
import { Backoff } from '../lifecycle/backoff.ts';
import { sleep } from '../lifecycle/sleep.ts';
import { whyNotListening } from '../net/errno.ts';
import { usualAdminPlaces } from '../net/admin-places.ts';
import { formatListenAddress, type ListenAddress } from '../net/endpoint.ts';
import { names } from '../net/names.ts';
import { claim, prepareClaim, release, temporaryPath, type SocketFile } from '../net/socket-file.ts';
import type { Log } from '../telemetry/log.ts';
import { Connections } from './connections.ts';
import { Followers } from './follow.ts';
import type { History } from './history.ts';
import type { Page } from './page.ts';
import type { AdminCallbacks } from './callbacks.ts';
import { adminRoutes, probePaths } from './routes.ts';
import { RepeatLimit } from '../telemetry/repeat-limit.ts';

/** Nobody who means it needs longer for these, in milliseconds. */
const headersMs = 5_000;
const requestMs = 10_000;
const idleMs = 5_000;
/** A connection on which nothing moves for this long is closed, in milliseconds; followers hear a beat more often. */
const stalledMs = 30_000;
const lookMs = 1_000;
const mostHeaderBytes = 8 * 1024;
const firstRetryMs = 1_000;
const mostRetryMs = 30_000;
/** A unix socket is for its owner and the group: whoever may connect may see everything. */
const socketMode = 0o660;

/**
 * The listener for probes, metrics and operators. An address that cannot be had is tried again and again; nothing that
 * happens here stops what carries bytes.
 */
export class AdminServer {
  readonly #config: AdminConfig;
  readonly #log: Log;
  readonly #server: Server;
  readonly #followers: Followers;
  readonly #repeatLimit: RepeatLimit;
  readonly #closing = new AbortController();
  readonly #opening: Promise<void>;
  #file: SocketFile | undefined;
  #listening: ListenAddress | undefined;

  /** Begins to listen; does not wait for it. */
  constructor(config: AdminConfig, callbacks: AdminCallbacks, history: History, page: Page, log: Log) {
    this.#config = config;
    this.#log = log;
    this.#followers = new Followers(callbacks.feed);
    this.#repeatLimit = new RepeatLimit(log);
    const connections = new Connections(() => {
      this.#repeatLimit.note('warn', 'admin.crowded', {}, 1);
    });
    const app = adminRoutes(config, {
      callbacks,
      history,
      followers: this.#followers,
      connections,
      page,
      log,
      repeatLimit: this.#repeatLimit,
    });
    this.#server = createServer(
      {
        headersTimeout: headersMs,
        requestTimeout: requestMs,
        keepAliveTimeout: idleMs,
        connectionsCheckingInterval: lookMs,
        maxHeaderSize: mostHeaderBytes,
        noDelay: true,
      },
      listenerOf(getRequestListener(app.fetch, { overrideGlobalObjects: false }), connections),
    );
    this.#server.on('connection', (socket) => {
      connections.add(socket);
    });
    this.#server.setTimeout(stalledMs);
    this.#opening = this.#open();
  }

  /** Where it listens; `undefined` while it does not. */
  get listening(): ListenAddress | undefined {
    return this.#listening;
  }

  /** Resolves when it no longer listens and nobody is connected. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#opening;
    this.#followers.close();
    if (this.#listening) {
      const closed = once(this.#server, 'close');
      this.#server.close();
      this.#server.closeAllConnections();
      await closed;
    }
    if (this.#file) await release(this.#file);
    this.#listening = undefined;
    this.#repeatLimit.close();
  }

  async #open(): Promise<void> {
    const backoff = new Backoff(firstRetryMs, mostRetryMs);
    const { signal } = this.#closing;
    const { listen, isUsual } = this.#config;
    const address = formatListenAddress(listen);
    let told: string | undefined;
    while (!signal.aborted) {
      try {
        await (isUsual ? this.#listenOnUsual() : this.#listen(listen));
        return;
      } catch (error) {
        const reason = whyNotListening(error);
        // An operator does not need the same line every half minute.
        if (reason !== told) this.#log.warn('admin.failed', { address, reason });
        told = reason;
      }
      await sleep(backoff.next(), signal).catch(() => undefined); // the only reason is that it is to close
    }
  }

  /** On the first of the usual ports that is free. */
  async #listenOnUsual(): Promise<void> {
    const [usual] = usualAdminPlaces;
    for (const [index, place] of usualAdminPlaces.entries()) {
      try {
        await this.#listen(place);
        if (place !== usual)
          this.#log.warn('admin.moved', {
            address: formatListenAddress(place),
            usual: formatListenAddress(usual),
          });
        return;
      } catch (error) {
        const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
        if (!isTaken || this.#closing.signal.aborted || index === usualAdminPlaces.length - 1) throw error;
      }
    }
  }

  async #listen(listen: ListenAddress): Promise<void> {
    if (listen.kind === 'unix') await prepareClaim(listen.path);
    this.#server.listen(
      listen.kind === 'unix'
        ? { path: temporaryPath(listen.path) }
        : { host: await names.addressOf(listen.host), port: listen.port, exclusive: true },
    );
    await once(this.#server, 'listening');
    if (listen.kind === 'unix') {
      this.#file = await claim(listen.path, { mode: socketMode, owner: undefined });
    }
    this.#server.on('error', (error) => {
      const fields = { address: formatListenAddress(listen), reason: messageOf(error) };
      this.#repeatLimit.note('warn', 'admin.failed', fields, 1, 'admin.failed');
    });
    this.#listening = bound(this.#server, listen);
    this.#log.info('admin.opened', { address: formatListenAddress(this.#listening) });
  }
}

/** What goes wrong is answered by the routes themselves; their promise has nothing to say. */
function listenerOf(
  listener: ReturnType<typeof getRequestListener>,
  connections: Connections,
): RequestListener {
  return (incoming, outgoing) => {
    if (isProbe(incoming)) connections.probed(incoming.socket, outgoing);
    void listener(incoming, outgoing);
  };
}

function isProbe({ method, url = '' }: IncomingMessage): boolean {
  const [path = ''] = url.split('?', 1);
  return (method === 'GET' || method === 'HEAD') && probePaths.includes(path);
}

function bound(server: Server, asked: ListenAddress): ListenAddress {
  const address = server.address();
  if (asked.kind === 'unix' || address === null || typeof address === 'string') return asked;
  return { kind: 'tcp', host: address.address, port: address.port };
}
