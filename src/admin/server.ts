import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { AdminConfig } from '../config/types.ts';
import { messageOf } from '../errors.ts';
import { Backoff } from '../lifecycle/backoff.ts';
import { sleep } from '../lifecycle/sleep.ts';
import { whyNotListening } from '../net/errno.ts';
import { defaultAdminAddresses } from '../net/admin-address.ts';
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

/** Deadlines for the headers, the whole request and the next request of a connection, in milliseconds. */
const headersMs = 5_000;
const requestMs = 10_000;
const idleMs = 5_000;
/** A connection without traffic for this long is closed, in milliseconds; followers receive a comment more often. */
const stalledMs = 30_000;
const checkMs = 1_000;
const mostHeaderBytes = 8 * 1024;
const firstRetryMs = 1_000;
const mostRetryMs = 30_000;
/** A unix socket is for its owner and group only, because a client sees everything. */
const socketMode = 0o660;

/**
 * The listener for probes, metrics and operators. Retries an address that it cannot listen on. No failure here affects the relay.
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

  /** Starts to listen in the background. */
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
        connectionsCheckingInterval: checkMs,
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

  /** The open address; `undefined` while there is none. */
  get listening(): ListenAddress | undefined {
    return this.#listening;
  }

  /** Resolves when the listener and every connection are closed. */
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
    let logged: string | undefined;
    while (!signal.aborted) {
      try {
        await (isUsual ? this.#listenOnDefault() : this.#listen(listen));
        return;
      } catch (error) {
        const reason = whyNotListening(error);
        // The same reason is not logged again every half minute.
        if (reason !== logged) this.#log.warn('admin.failed', { address, reason });
        logged = reason;
      }
      await sleep(backoff.next(), signal).catch(() => undefined); // rejects only when it closes
    }
  }

  /** Listens on the first free default port. */
  async #listenOnDefault(): Promise<void> {
    const [preferred] = defaultAdminAddresses;
    for (const [index, place] of defaultAdminAddresses.entries()) {
      try {
        await this.#listen(place);
        if (place !== preferred)
          this.#log.warn('admin.moved', {
            address: formatListenAddress(place),
            usual: formatListenAddress(preferred),
          });
        return;
      } catch (error) {
        const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
        if (!isTaken || this.#closing.signal.aborted || index === defaultAdminAddresses.length - 1)
          throw error;
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

/** The routes answer every failure themselves, so their promise is not awaited. */
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
