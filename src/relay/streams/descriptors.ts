import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';

/**
 * Knows whether this process can still get file descriptors, by getting them.
 *
 * Node never tells that `accept` failed for want of one: libuv closes a spare descriptor of its own, accepts, closes
 * the connection without a word and goes on (uv__emfile_trick). So a spare is kept here too, and given up when there
 * is nothing else left: with it connections can be told why they are turned away.
 */
export class DescriptorReserve {
  #spare: number | undefined;

  constructor() {
    this.#spare = tryOpen().fd;
  }

  /** The errno name that a dial would fail with for want of a descriptor, or `undefined` while there is room. */
  shortage(): string | undefined {
    const { fd, code } = tryOpen();
    if (fd !== undefined) closeSync(fd);
    return code;
  }

  /** Gives up the spare, so that a connection to be turned away can be accepted at all. */
  spend(): void {
    if (this.#spare !== undefined) closeSync(this.#spare);
    this.#spare = undefined;
  }

  /** Takes a spare again if there is room for it and for both sockets of one session. */
  restore(): boolean {
    const opened = [tryOpen(), tryOpen(), tryOpen()].flatMap(({ fd }) => fd ?? []);
    if (opened.length === 3) this.#spare ??= opened.pop();
    for (const fd of opened) closeSync(fd);
    return this.#spare !== undefined;
  }
}

function tryOpen(): { readonly fd?: number; readonly code?: string } {
  try {
    return { fd: openSync(devNull, 'r') };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    // Where the null device cannot be opened for another reason (a bare chroot), nothing can be known beforehand.
    return code === 'EMFILE' || code === 'ENFILE' ? { code } : {};
  }
}
