import { setKeepAlive } from './options.ts';
import type { Socket } from './socket.ts';
import type { Syscalls } from './syscalls.ts';

/** Most sockets in one beat: about half a millisecond of system calls. The first probe comes a minute later, so there is time. */
const mostPerBeat = 512;

/**
 * Has the kernel probe the connections that this engine has dialled, once they have outlived a beat. Where an application opens a
 * connection for each request, hardly any does: the calls and the timer of each are saved.
 */
export class KeepAlive {
  readonly #sys: Pick<Syscalls, 'setOption'>;
  readonly #socketOf: (fd: number, tag: number) => Socket | undefined;
  /** Descriptors and tags in turn: a socket that has been closed is not to be kept in memory by this. */
  #fresh: number[] = [];
  #due: number[] = [];

  /** @param socketOf gives the socket with this descriptor and tag, unless it has been closed */
  constructor(sys: Pick<Syscalls, 'setOption'>, socketOf: (fd: number, tag: number) => Socket | undefined) {
    this.#sys = sys;
    this.#socketOf = socketOf;
  }

  add({ fd, tag }: Socket): void {
    this.#fresh.push(fd, tag);
  }

  /** To be called at every beat. */
  beat(): void {
    const due = this.#due;
    let set = 0;
    let at = 0;
    for (; at < due.length && set < mostPerBeat; at += 2) {
      const socket = this.#socketOf(due[at] ?? -1, due[at + 1] ?? 0);
      if (socket === undefined) continue;
      setKeepAlive(this.#sys, socket.fd);
      set += 1;
    }
    this.#due = at < due.length ? due.slice(at).concat(this.#fresh) : this.#fresh;
    this.#fresh = [];
  }
}
