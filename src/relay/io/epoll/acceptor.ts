import { performance } from 'node:perf_hooks';
import { Backoff } from '../../../lifecycle/backoff.ts';
import type { ListenAddress } from '../../../net/endpoint.ts';
import * as abi from '../../../os/abi.ts';
import type { Permits } from '../../../lifecycle/permits.ts';
import { AllowList, notAllowedLine } from '../../../net/allow-list.ts';
import { refusalLine } from '../../../net/refusal-reply.ts';
import { listenBacklog } from '../../../net/socket-options.ts';
import { addressOf } from '../../../os/sockaddr.ts';
import { errorName, peerBytes } from '../../../os/syscalls.ts';
import type { Connection } from '../connection.ts';
import { descriptorsAreTaken, descriptorsPerClient } from '../descriptors.ts';
import { firstPauseMs, longestPauseMs } from '../times.ts';
import type { Loop, Watched } from './loop.ts';

/** Connections accepted from one listener before others have their turn. */
const acceptsPerIteration = 64;

/**
 * What accept(2) may say of the connection that was next, rather than of us: "treat them like EAGAIN by retrying".
 */
const ofTheConnection: readonly number[] = [
  abi.EINTR,
  abi.ECONNABORTED,
  abi.ENETDOWN,
  abi.EPROTO,
  abi.ENOPROTOOPT,
  abi.EHOSTDOWN,
  abi.ENONET,
  abi.EHOSTUNREACH,
  abi.EOPNOTSUPP,
  abi.ENETUNREACH,
];

/** A bound and listening socket. Descriptors belong to the process: a thread can use what another has opened. */
export interface OpenListener {
  readonly fd: number;
  readonly address: ListenAddress;
  readonly allow: readonly string[];
  readonly allowReplication: boolean;
  /** Every thread has the same descriptor, and one of them wakes. It is closed when none uses it any more. */
  readonly isShared: boolean;
}

export interface AcceptorHandler {
  accepted(connection: Connection, allowsReplication: boolean): void;
  /** A client was refused before it became one, and why. */
  turnedAway(reason: string): void;
  /** A connection was lost before it could be accepted. */
  acceptFailed(): void;
  /** Accepting has failed and will be tried again. Called once until it works again. */
  paused(address: ListenAddress, code: string): void;
  resumed(address: ListenAddress): void;
}

interface Listener {
  readonly watched: Watched;
  readonly open: OpenListener;
  readonly allow: AllowList | undefined;
  readonly backoff: Backoff;
  /** When listening begins again; `Infinity` while it has not been paused. */
  resumeMs: number;
  isFailing: boolean;
}

/** The listeners of a tunnel in one thread. Out of descriptors or memory, one leaves the epoll set for a while instead of spinning. */
export class Acceptor {
  dueMs = Infinity;
  readonly #loop: Loop;
  readonly #descriptors: Permits;
  readonly #handler: AcceptorHandler;
  /** The address of the client that was accepted last, where it matters. */
  readonly #peer = new Uint8Array(peerBytes);
  #listeners: Listener[] = [];

  /** @param descriptors what clients, and what is dialled for them, take */
  constructor(loop: Loop, descriptors: Permits, handler: AcceptorHandler) {
    this.#loop = loop;
    this.#descriptors = descriptors;
    this.#handler = handler;
  }

  add(open: OpenListener): void {
    const watched = this.#loop.enter(
      open.fd,
      () => {
        this.#accept(listener);
      },
      open.isShared,
    );
    const listener: Listener = {
      watched,
      open,
      allow: AllowList.of(open.allow),
      backoff: new Backoff(firstPauseMs, longestPauseMs),
      resumeMs: Infinity,
      isFailing: false,
    };
    this.#listeners.push(listener);
    this.#listen(listener);
  }

  /** Stops listening on one of them. Clients that have connected already are accepted first: closing would reset them. */
  remove(fd: number): void {
    const found = this.#listeners.find(({ watched }) => watched.fd === fd);
    if (!found) return;
    this.#accept(found, listenBacklog);
    this.#listeners = this.#listeners.filter((each) => each !== found);
    this.#loop.remove(found.watched);
    this.#setDue();
  }

  /** Listens again where a pause has ended. */
  tick(): void {
    const nowMs = performance.now();
    for (const listener of this.#listeners) {
      if (listener.resumeMs > nowMs) continue;
      listener.resumeMs = Infinity;
      this.#listen(listener);
    }
    this.#setDue();
  }

  /** Stops listening on all of them. @returns their descriptors */
  close(): readonly number[] {
    const closed = this.#listeners;
    this.#listeners = [];
    for (const { watched } of closed) this.#loop.remove(watched);
    this.#setDue();
    return closed.map(({ open }) => open.fd);
  }

  #listen(listener: Listener): void {
    const result = this.#loop.epoll.addReadable(listener.watched, listener.open.isShared);
    if (result < 0) this.#pause(listener, result);
  }

  #accept(listener: Listener, most = acceptsPerIteration): void {
    const { sys, epoll } = this.#loop;
    const { watched, allow } = listener;
    for (let accepts = 0; accepts < most; accepts += 1) {
      const fd = allow ? sys.acceptFrom(watched.fd, this.#peer) : sys.accept(watched.fd);
      if (fd === abi.EAGAIN) return;
      if (fd >= 0) {
        if (listener.isFailing) this.#recovered(listener);
        this.#admit(fd, listener);
      } else if (ofTheConnection.includes(fd)) {
        if (fd !== abi.EINTR) this.#handler.acceptFailed();
      } else {
        epoll.remove(watched);
        this.#pause(listener, fd);
        return;
      }
    }
  }

  #admit(fd: number, { open, allow }: Listener): void {
    const objection = allow?.objection(addressOf(this.#peer));
    if (objection !== undefined) this.#turnAway(fd, notAllowedLine, objection);
    else if (!this.#descriptors.take(descriptorsPerClient)) {
      const reason = descriptorsAreTaken(this.#descriptors.most);
      this.#turnAway(fd, refusalLine(reason), reason);
    } else {
      const connection = this.#loop.watch(fd, false);
      if (typeof connection === 'number') {
        this.#descriptors.give(descriptorsPerClient);
        this.#handler.acceptFailed();
        return;
      }
      connection.permits = this.#descriptors;
      this.#handler.accepted(connection, open.allowReplication);
    }
  }

  /** Closes at once: it is one more than there should be. */
  #turnAway(fd: number, line: string, reason: string): void {
    const { sys } = this.#loop;
    const bytes = new TextEncoder().encode(line);
    // One line fits the empty buffer of a new connection; where it does not, the client has gone.
    for (let from = 0; from < bytes.length;) {
      const sent = sys.sendRest(fd, bytes, from);
      if (sent < 0 && sent !== abi.EINTR) break;
      from += Math.max(sent, 0);
    }
    sys.close(fd);
    this.#handler.turnedAway(reason);
  }

  #pause(listener: Listener, error: number): void {
    listener.resumeMs = performance.now() + listener.backoff.next();
    this.#setDue();
    if (listener.isFailing) {
      this.#handler.acceptFailed();
      return;
    }
    listener.isFailing = true;
    this.#handler.paused(listener.open.address, errorName(error));
  }

  #recovered(listener: Listener): void {
    listener.isFailing = false;
    listener.backoff.reset();
    this.#handler.resumed(listener.open.address);
  }

  #setDue(): void {
    this.dueMs = this.#listeners.reduce((first, { resumeMs }) => Math.min(first, resumeMs), Infinity);
  }
}
