import { performance } from 'node:perf_hooks';
import { Backoff } from '../../../lifecycle/backoff.ts';
import type { ListenAddress } from '../../../net/endpoint.ts';
import * as abi from './abi.ts';
import type { Loop } from './loop.ts';
import type { OpenListener } from './messages.ts';
import { AllowList, notAllowedLine } from '../../core/allow-list.ts';
import { firstPauseMs, longestPauseMs } from '../../core/times.ts';
import { addressOf } from './sockaddr.ts';
import type { Socket } from './socket.ts';
import { errorName, peerBytes } from './syscalls.ts';

/** Connections accepted from one listener before the others have their turn. */
const acceptsPerTurn = 64;

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

const notAllowed = new TextEncoder().encode(notAllowedLine);

export interface Accepted {
  accepted(fd: number, by: OpenListener): void;
  /** A client was told that it may not come in, and why. */
  turnedAway(reason: string): void;
  /** A connection was lost before it could be accepted. */
  failed(): void;
  /** Accepting has failed and will be tried again. Told once until it works again. */
  paused(address: ListenAddress, code: string): void;
  resumed(address: ListenAddress): void;
}

interface Listener {
  readonly socket: Socket;
  readonly open: OpenListener;
  readonly allow: AllowList | undefined;
  readonly backoff: Backoff;
  /** When listening begins again; `Infinity` while it has not been paused. */
  resumeMs: number;
  isFailing: boolean;
}

/** The listeners of a door. Out of descriptors or memory, one leaves the epoll set for a while instead of spinning. */
export class Acceptor {
  dueMs = Infinity;
  readonly #loop: Loop;
  readonly #accepted: Accepted;
  /** The address of who was accepted last, where somebody wants to know it. */
  readonly #peer = new Uint8Array(peerBytes);
  #listeners: Listener[] = [];

  constructor(loop: Loop, open: readonly OpenListener[], accepted: Accepted) {
    this.#loop = loop;
    this.#accepted = accepted;
    for (const each of open) this.add(each);
  }

  add(open: OpenListener): void {
    const socket = this.#loop.enterListener(open.fd, open.isShared);
    const backoff = new Backoff(firstPauseMs, longestPauseMs);
    const allow = AllowList.of(open.allow);
    const listener: Listener = { socket, open, allow, backoff, resumeMs: Infinity, isFailing: false };
    this.#listeners.push(listener);
    const result = this.#loop.epoll.addReadable(socket, open.isShared);
    if (result < 0) this.#pause(listener, result);
  }

  /** Stops listening on one of them. Who has connected already is let in first: closing would reset them. */
  remove(fd: number): void {
    const found = this.#listeners.find(({ socket }) => socket.fd === fd);
    if (!found) return;
    this.accept(found.socket);
    this.#listeners = this.#listeners.filter((each) => each !== found);
    this.#loop.close(found.socket);
    this.#setDue();
  }

  /** @returns whether the socket is one of these listeners */
  accept(socket: Socket): boolean {
    const listener = this.#listeners.find((each) => each.socket === socket);
    if (!listener) return false;
    for (let accepts = 0; accepts < acceptsPerTurn; accepts += 1) {
      const fd = listener.allow
        ? this.#loop.sys.acceptFrom(socket.fd, this.#peer)
        : this.#loop.sys.accept(socket.fd);
      if (fd === abi.EAGAIN) break;
      if (fd >= 0) {
        if (listener.isFailing) this.#recovered(listener);
        if (listener.allow) this.#admit(fd, listener.open, listener.allow);
        else this.#accepted.accepted(fd, listener.open);
      } else if (ofTheConnection.includes(fd)) {
        if (fd !== abi.EINTR) this.#accepted.failed();
      } else {
        this.#loop.epoll.remove(socket);
        this.#pause(listener, fd);
        break;
      }
    }
    return true;
  }

  #admit(fd: number, open: OpenListener, allow: AllowList): void {
    const objection = allow.objection(addressOf(this.#peer));
    if (objection === undefined) {
      this.#accepted.accepted(fd, open);
      return;
    }
    const { sys } = this.#loop;
    sys.sendRest(fd, notAllowed, 0); // fits the empty buffer of a new connection, or its client has gone
    sys.close(fd);
    this.#accepted.turnedAway(objection);
  }

  /** Listens again where a pause has ended. */
  tick(): void {
    const nowMs = performance.now();
    for (const listener of this.#listeners) {
      if (listener.resumeMs > nowMs) continue;
      listener.resumeMs = Infinity;
      const result = this.#loop.epoll.addReadable(listener.socket, listener.open.isShared);
      if (result < 0) this.#pause(listener, result);
    }
    this.#setDue();
  }

  close(): void {
    for (const { socket } of this.#listeners) this.#loop.close(socket);
    this.#listeners = [];
    this.#setDue();
  }

  #pause(listener: Listener, error: number): void {
    listener.resumeMs = performance.now() + listener.backoff.next();
    this.#setDue();
    if (listener.isFailing) {
      this.#accepted.failed();
      return;
    }
    listener.isFailing = true;
    this.#accepted.paused(listener.open.address, errorName(error));
  }

  #recovered(listener: Listener): void {
    listener.isFailing = false;
    listener.backoff.reset();
    this.#accepted.resumed(listener.open.address);
  }

  #setDue(): void {
    this.dueMs = this.#listeners.reduce((first, { resumeMs }) => Math.min(first, resumeMs), Infinity);
  }
}
