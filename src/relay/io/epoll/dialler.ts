import type { Endpoint } from '../../../net/endpoint.ts';
import * as abi from './abi.ts';
import type { Loop } from './loop.ts';
import { setDialOptions } from './options.ts';
import type { Found, Resolver } from './resolver.ts';
import { isSelfConnected } from './self-connection.ts';
import type { SocketAddress } from './sockaddr.ts';
import { roles, type Socket, type TunnelSession } from './socket.ts';
import { errorName } from './syscalls.ts';

/** What comes of a dial, told once, and never before `dial` has returned. */
export interface DiallerPort {
  /** The upstream of the session may be written to. It belongs to whoever is told. */
  connected(session: TunnelSession, upstream: Socket): void;
  /** `code` is an errno name. */
  failed(session: TunnelSession, code: string): void;
}

/** Opens the upstreams of a door's sessions: looks names up, and tries their addresses one after the other. */
export class Dialler {
  readonly #loop: Loop;
  readonly #resolver: Resolver;
  readonly #port: DiallerPort;

  constructor(loop: Loop, resolver: Resolver, port: DiallerPort) {
    this.#loop = loop;
    this.#resolver = resolver;
    this.#port = port;
  }

  dial(session: TunnelSession, endpoint: Endpoint): void {
    session.dial += 1;
    const { dial } = session;
    const known = this.#resolver.known(endpoint);
    if (known !== undefined && typeof known !== 'string') {
      session.remaining = known;
      this.#dialFirst(session);
      return;
    }
    const dialAt = (found: Found): void => {
      if (session.dial !== dial || session.phase.kind !== 'dialling') return;
      if (typeof found === 'string') this.#port.failed(session, found);
      else {
        session.remaining = found;
        this.#dialFirst(session);
      }
    };
    if (known === undefined) this.#resolver.resolve(endpoint, dialAt);
    else {
      this.#loop.defer(() => {
        dialAt(known);
      });
    }
  }

  abandon(session: TunnelSession): void {
    session.dial += 1;
    session.remaining = undefined;
    if (session.phase.kind === 'dialling') this.#resolver.doubt(session.phase.endpoint);
    if (session.upstream) this.#loop.reset(session.upstream);
    session.upstream = undefined;
  }

  /** The kernel says what has come of a connect. */
  answered(session: TunnelSession, upstream: Socket, hasFailed: boolean): void {
    if (session.upstream !== upstream) return;
    if (hasFailed) {
      const code = errorName(this.#loop.sys.pendingError(upstream.fd) || abi.ECONNRESET);
      this.#drop(session, upstream, code);
      return;
    }
    const target = session.dialling;
    session.remaining = undefined;
    session.dialling = undefined;
    if (target && isSelfConnected(this.#loop.sys, upstream.fd, target))
      this.#drop(session, upstream, 'ECONNREFUSED');
    else this.#port.connected(session, upstream);
  }

  #drop(session: TunnelSession, upstream: Socket, code: string): void {
    this.#loop.close(upstream);
    session.upstream = undefined;
    this.#tryNext(session, code);
  }

  /** Dials the first of the addresses that are left. A failure is told only after the gate has returned. */
  #dialFirst(session: TunnelSession): void {
    const address = session.remaining?.[0];
    if (!address) return;
    session.remaining = session.remaining?.slice(1);
    session.dialling = address;
    const result = this.#connect(session, address);
    if (result >= 0) return;
    const { dial } = session;
    this.#loop.defer(() => {
      if (session.dial === dial) this.#tryNext(session, errorName(result));
    });
  }

  #tryNext(session: TunnelSession, code: string): void {
    if (session.remaining && session.remaining.length > 0) {
      this.#dialFirst(session);
      return;
    }
    session.dial += 1;
    if (session.phase.kind === 'dialling') this.#resolver.doubt(session.phase.endpoint);
    this.#port.failed(session, code);
  }

  #connect(session: TunnelSession, address: SocketAddress): number {
    const { sys } = this.#loop;
    const fd = sys.socket(address.family);
    if (fd < 0) return fd;
    setDialOptions(sys, fd);
    const result = sys.connect(fd, address);
    if (result < 0 && result !== abi.EINPROGRESS && result !== abi.EINTR) {
      sys.close(fd);
      return result;
    }
    const upstream = this.#loop.watch(fd, roles.dialling, true);
    if (typeof upstream === 'number') return upstream;
    upstream.session = session;
    session.upstream = upstream;
    this.#loop.keepAlive.add(upstream);
    return 0;
  }
}
