import { setKeepAlive } from '../../../os/socket-options.ts';
import type { Syscalls } from '../../../os/syscalls.ts';

/** Most sockets in one heartbeat: about half a millisecond of system calls. The first probe comes a minute later, so there is time. */
const mostPerHeartbeat = 512;

interface Tagged {
  readonly fd: number;
  readonly tag: number;
}

/**
 * Has the kernel probe the connections that this engine has dialled, once they have outlived a heartbeat. Where an application
 * opens a connection for each request, hardly any does: the calls and the timer of each are saved.
 */
export class KeepAlive {
  readonly #sys: Pick<Syscalls, 'setOption'>;
  readonly #connectionOf: (fd: number, tag: number) => Tagged | undefined;
  /** Descriptors and tags in turn, so that no closed connection is kept in memory by this. */
  #fresh: number[] = [];
  #due: number[] = [];

  /** @param connectionOf gives the connection with this descriptor and tag, unless it has been closed */
  constructor(
    sys: Pick<Syscalls, 'setOption'>,
    connectionOf: (fd: number, tag: number) => Tagged | undefined,
  ) {
    this.#sys = sys;
    this.#connectionOf = connectionOf;
  }

  add({ fd, tag }: Tagged): void {
    this.#fresh.push(fd, tag);
  }

  /** To be called at every heartbeat. */
  beat(): void {
    const due = this.#due;
    let set = 0;
    let at = 0;
    for (; at < due.length && set < mostPerHeartbeat; at += 2) {
      const connection = this.#connectionOf(due[at] ?? -1, due[at + 1] ?? 0);
      if (connection === undefined) continue;
      setKeepAlive(this.#sys, connection.fd);
      set += 1;
    }
    this.#due = at < due.length ? due.slice(at).concat(this.#fresh) : this.#fresh;
    this.#fresh = [];
  }
}
