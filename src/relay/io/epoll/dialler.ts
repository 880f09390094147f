import type { Endpoint } from '../../../net/endpoint.ts';
import type { ClientTls } from '../../../net/tls.ts';
import * as abi from '../../../os/abi.ts';
import { isSelfConnected } from '../../../os/self-connection.ts';
import type { SocketAddress } from '../../../os/sockaddr.ts';
import { setDialOptions } from '../../../os/socket-options.ts';
import { errorName } from '../../../os/syscalls.ts';
import type { Dial, Dialler, DialHandler } from '../connection.ts';
import { modes, type ConnectAnswer, type EpollConnection } from './connection.ts';
import type { Loop } from './loop.ts';
import type { LookupResult, Resolver } from './resolver.ts';

/** Opens connections to servers: looks names up, and tries their addresses one after the other. */
export class EpollDialler implements Dialler {
  readonly #loop: Loop;
  readonly #resolver: Resolver;

  constructor(loop: Loop, resolver: Resolver) {
    this.#loop = loop;
    this.#resolver = resolver;
  }

  dial(endpoint: Endpoint, tls: ClientTls | undefined, handler: DialHandler): Dial {
    const dial = new EpollDial(this.#loop, this.#resolver, endpoint, handler);
    // This engine is never given what has to be encrypted; it is not sent in plain text by mistake either.
    if (tls === undefined) dial.start();
    else dial.failLater('EPROTONOSUPPORT');
    return dial;
  }
}

class EpollDial implements Dial, ConnectAnswer {
  readonly #loop: Loop;
  readonly #resolver: Resolver;
  readonly #endpoint: Endpoint;
  readonly #handler: DialHandler;
  /** Addresses in the order in which they are tried, and the one that is being tried. */
  #addresses: readonly SocketAddress[] = [];
  #tried = -1;
  #connection: EpollConnection | undefined;
  #isOver = false;

  constructor(loop: Loop, resolver: Resolver, endpoint: Endpoint, handler: DialHandler) {
    this.#loop = loop;
    this.#resolver = resolver;
    this.#endpoint = endpoint;
    this.#handler = handler;
  }

  start(): void {
    const known = this.#resolver.known(this.#endpoint);
    if (known === undefined)
      this.#resolver.resolve(this.#endpoint, (found) => {
        this.#found(found);
      });
    else if (typeof known === 'string') this.failLater(known);
    else this.#found(known);
  }

  abandon(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#resolver.dialFailed(this.#endpoint);
    this.#connection?.reset();
  }

  /** A failure is reported only after `dial` has returned. */
  failLater(code: string): void {
    this.#loop.defer(() => {
      this.#fail(code);
    });
  }

  connectAnswered(hasFailed: boolean): void {
    const connection = this.#connection;
    const address = this.#addresses[this.#tried];
    if (connection === undefined || address === undefined) return;
    const { sys } = this.#loop;
    let error = hasFailed ? sys.pendingError(connection.fd) || abi.ECONNRESET : 0;
    if (error === 0 && isSelfConnected(sys, connection.fd, address)) error = abi.ECONNREFUSED;
    connection.connecting = undefined;
    this.#connection = undefined;
    if (error !== 0) {
      connection.close();
      this.#tryNext(errorName(error));
      return;
    }
    connection.mode = modes.watched;
    this.#isOver = true;
    this.#handler.connected(connection);
  }

  #found(found: LookupResult): void {
    if (this.#isOver) return;
    if (typeof found === 'string') this.#fail(found);
    else {
      this.#addresses = found;
      this.#tryNext('ENOTFOUND');
    }
  }

  /** @param code of the address that was tried last */
  #tryNext(code: string): void {
    this.#tried += 1;
    const address = this.#addresses[this.#tried];
    if (address === undefined) {
      this.#resolver.dialFailed(this.#endpoint);
      this.#fail(code);
      return;
    }
    const result = this.#connect(address);
    if (result < 0)
      this.#loop.defer(() => {
        if (!this.#isOver) this.#tryNext(errorName(result));
      });
  }

  #fail(code: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#handler.dialFailed(code);
  }

  #connect(address: SocketAddress): number {
    const { sys, keepAlive } = this.#loop;
    const fd = sys.socket(address.family);
    if (fd < 0) return fd;
    setDialOptions(sys, fd);
    const result = sys.connect(fd, address);
    if (result < 0 && result !== abi.EINPROGRESS && result !== abi.EINTR) {
      sys.close(fd);
      return result;
    }
    const connection = this.#loop.watch(fd, true);
    if (typeof connection === 'number') return connection;
    connection.connecting = this;
    this.#connection = connection;
    keepAlive.add(connection);
    return 0;
  }
}
