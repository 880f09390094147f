import type { KoffiFunc, LibraryHandle } from 'koffi';
import { getSystemErrorName } from 'node:util';
import * as abi from './abi.ts';
import * as ringAbi from './ring-abi.ts';
import type { SocketAddress } from './sockaddr.ts';

/**
 * Every system call of this engine. Each answers as the kernel does: a result, or an error number below zero. Lengths
 * and descriptors are checked here, and nowhere else is an address handed to the kernel.
 */
export interface Syscalls {
  /** Fills the buffer from its start; 0 at the end of the stream. */
  recv(fd: number, buffer: Buffered, limit: number): number;
  /** Sends `length` bytes of the buffer, from `start` on; may take fewer. */
  send(fd: number, buffer: Buffered, start: number, length: number): number;
  /** Sends what lies in `bytes` from `from` on; may take fewer. */
  sendRest(fd: number, bytes: Uint8Array, from: number): number;
  /** Whether anything is left to read: 1, or 0 at the end of the stream, or an error. Takes nothing. */
  peek(fd: number): number;
  /** Whether the peer sends nothing more, or the connection is broken: looks past what is left to read. */
  hasPeerEnded(fd: number): boolean;
  accept(fd: number): number;
  /** The same, and fills `peer`, of `peerBytes`, with the address of who connected. */
  acceptFrom(fd: number, peer: Uint8Array): number;
  socket(family: number): number;
  connect(fd: number, address: SocketAddress): number;
  bind(fd: number, address: SocketAddress): number;
  listen(fd: number, backlog: number): number;
  /** Fills `into` with the local address. */
  localAddress(fd: number, into: Uint8Array): number;
  setOption(fd: number, level: number, option: number, value: number): number;
  /** Makes `close` reset the connection and forget what was still to be sent (socket(7), SO_LINGER). */
  resetOnClose(fd: number): number;
  /** The pending error of a socket as a number below zero, or 0. */
  pendingError(fd: number): number;
  /** How many bytes of ours the peer's kernel has not acknowledged (tcp(7), SIOCOUTQ), or an error number. */
  unacknowledged(fd: number): number;
  /** Ends our sending; the other direction goes on. */
  shutdown(fd: number): number;
  /** Makes a descriptor that another process has opened fit for a loop: it does not block, and children do not inherit it. */
  adopt(fd: number): number;
  close(fd: number): number;
  epollCreate(): number;
  epollAdd(epoll: number, fd: number, events: number, tag: number): number;
  epollRemove(epoll: number, fd: number): number;
  epollWait(epoll: number, events: EventArray, timeoutMs: number): number;
  /** A descriptor that polls readable every `everyMs` milliseconds, less than a second (timerfd_create(2)). */
  timer(everyMs: number): number;
  /** How often the timer has expired since the last call, or an error number. */
  expirations(fd: number): number;
  /** A descriptor that polls readable while this thread's own event loop has something to do. */
  ownLoop(): number;
  /** Two connected unix sockets that do not block. */
  socketPair(): readonly [number, number] | number;
  /** io_uring_setup(2); `params` is filled. */
  ringSetup(entries: number, params: Buffered): number;
  /** io_uring_register(2) */
  ringRegister(ring: number, operation: number, argument: Buffered): number;
  /** io_uring_enter(2): submits, and waits for `atLeast` completions, `waitMs` milliseconds at most unless that is `Infinity`. */
  ringEnter(ring: number, submit: number, atLeast: number, waitMs: number): number;
  /** Memory that a descriptor shares, or new memory for -1, from a page's beginning. */
  map(size: number, fd: number, offset: number): Mapped | number;
  /** Gives mapped memory back. Nobody may look at it any more. */
  unmap(memory: Mapped): void;
}

/** `sizeof(struct sockaddr_in6)`, the longest address of a client; a unix socket's is cut to it and not looked at. */
export const peerBytes = 28;

/** Memory outside the collected heap, with its address. It lives as long as this object. */
export class Buffered {
  readonly bytes: Buffer;
  readonly address: number;
  readonly size: number;

  constructor(bytes: Buffer, address: number) {
    this.bytes = bytes;
    this.address = address;
    this.size = bytes.length;
  }
}

/** Memory outside any heap: nothing frees it but `unmap`. */
export interface Mapped {
  readonly memory: ArrayBuffer;
  readonly address: number;
}

/** What `epollWait` fills: `events`, then the descriptor and the tag that were given to `epollAdd`. */
export class EventArray {
  readonly words: Int32Array;
  readonly capacity: number;
  readonly stride: number;
  readonly dataWord: number;
  readonly buffer: Buffered;

  constructor(buffer: Buffered, capacity: number, layout: abi.EventLayout) {
    this.buffer = buffer;
    this.words = new Int32Array(buffer.bytes.buffer, buffer.bytes.byteOffset, buffer.size / 4);
    this.capacity = capacity;
    this.stride = layout.words;
    this.dataWord = layout.dataWord;
  }
}

/** System calls, and the memory that they work on. */
export interface Kernel {
  readonly sys: Syscalls;
  buffer(size: number): Buffered;
  events(capacity: number): EventArray;
}

/** The name of an error number as our calls return it, such as `ECONNREFUSED`. */
export function errorName(error: number): string {
  return getSystemErrorName(error);
}

/**
 * @param call is named where it has failed
 * @returns its result
 * @throws Error saying that the call has failed, and how
 */
export function checked(result: number, call: string): number {
  if (result < 0) throw new Error(`${call} failed with ${errorName(result)}`);
  return result;
}

/**
 * Opens the C library of this process. Both glibc and musl are found that way, for Node itself is linked to it.
 *
 * @throws Error saying why system calls cannot be made here
 */
export async function openKernel(): Promise<Kernel> {
  const { platform, arch } = await import('node:os').then((os) => ({
    platform: os.platform(),
    arch: os.arch(),
  }));
  const layout = abi.layoutOf(arch);
  if (platform !== 'linux') throw new Error(`it needs Linux, and this is ${platform}`);
  if (!layout) throw new Error(`the processor architecture "${arch}" is not known to it`);
  const koffi = await import('koffi');
  const library = koffi.load(null);

  function buffer(size: number): Buffered {
    // `allocUnsafeSlow` is malloc'ed on its own, never moved, and freed only with its last reference.
    const bytes = Buffer.allocUnsafeSlow(size);
    return new Buffered(bytes, Number(koffi.address(bytes)));
  }
  function events(capacity: number): EventArray {
    return new EventArray(buffer(capacity * layoutBytes), capacity, checkedLayout);
  }
  const checkedLayout = layout;
  const layoutBytes = layout.words * 4;
  return { sys: bindSyscalls(library, koffi, layout, buffer), buffer, events };
}

interface Koffi {
  errno(): number;
  address(value: unknown): bigint;
  view(pointer: unknown, size: number): ArrayBuffer;
  readonly node: { readonly env: unknown };
}

function bindSyscalls(
  library: LibraryHandle,
  koffi: Koffi,
  layout: abi.EventLayout,
  allocate: (size: number) => Buffered,
): Syscalls {
  type Numbers<N extends number[]> = KoffiFunc<(...args: N) => number>;
  // Addresses travel as numbers: turning a Buffer into a pointer at each call would cost more than the call.
  const recv = library.func('long recv(int fd, size_t at, size_t n, int flags)') as Numbers<
    [number, number, number, number]
  >;
  const send = library.func('long send(int fd, size_t at, size_t n, int flags)') as Numbers<
    [number, number, number, number]
  >;
  const sendBytes = library.func('long send(int fd, const void *at, size_t n, int flags)') as KoffiFunc<
    (fd: number, at: Uint8Array, n: number, flags: number) => number
  >;
  const epollWait = library.func('int epoll_wait(int ep, size_t events, int n, int timeout)') as Numbers<
    [number, number, number, number]
  >;
  const epollCtl = library.func('int epoll_ctl(int ep, int op, int fd, size_t event)') as Numbers<
    [number, number, number, number]
  >;
  const epollCreate = library.func('int epoll_create1(int flags)') as Numbers<[number]>;
  const poll = library.func('int poll(size_t fds, unsigned long n, int timeout)') as Numbers<
    [number, number, number]
  >;
  const accept4 = library.func('int accept4(int fd, size_t addr, size_t len, int flags)') as Numbers<
    [number, number, number, number]
  >;
  const socket = library.func('int socket(int family, int type, int protocol)') as Numbers<
    [number, number, number]
  >;
  type WithAddress = KoffiFunc<(fd: number, address: Uint8Array, length: number) => number>;
  const connect = library.func('int connect(int fd, const void *addr, uint32_t len)') as WithAddress;
  const bind = library.func('int bind(int fd, const void *addr, uint32_t len)') as WithAddress;
  const listen = library.func('int listen(int fd, int backlog)') as Numbers<[number, number]>;
  const getsockname = library.func('int getsockname(int fd, void *addr, void *len)') as KoffiFunc<
    (fd: number, address: Uint8Array, length: Uint8Array) => number
  >;
  const setsockopt = library.func(
    'int setsockopt(int fd, int level, int name, size_t value, uint32_t len)',
  ) as Numbers<[number, number, number, number, number]>;
  const getsockopt = library.func(
    'int getsockopt(int fd, int level, int name, size_t value, size_t len)',
  ) as Numbers<[number, number, number, number, number]>;
  const timerCreate = library.func('int timerfd_create(int clock, int flags)') as Numbers<[number, number]>;
  const timerSet = library.func(
    'int timerfd_settime(int fd, int flags, const void *next, size_t last)',
  ) as KoffiFunc<(fd: number, flags: number, next: Uint8Array, last: number) => number>;
  const read = library.func('long read(int fd, size_t at, size_t n)') as Numbers<[number, number, number]>;
  const shutdown = library.func('int shutdown(int fd, int how)') as Numbers<[number, number]>;
  const fcntl = library.func('int fcntl(int fd, int command, int value)') as Numbers<
    [number, number, number]
  >;
  const ioctl = library.func('int ioctl(int fd, unsigned long request, size_t at)') as Numbers<
    [number, number, number]
  >;
  const close = library.func('int close(int fd)') as Numbers<[number]>;
  const socketpair = library.func(
    'int socketpair(int family, int type, int protocol, void *pair)',
  ) as KoffiFunc<(family: number, type: number, protocol: number, pair: Int32Array) => number>;
  // The C library has no names for the calls of io_uring.
  const syscall = library.func(
    'long syscall(long call, long a, size_t b, size_t c, size_t d, size_t e, size_t f)',
  ) as Numbers<[number, number, number, number, number, number, number]>;
  const mmap = library.func(
    'void *mmap(size_t at, size_t size, int protection, int flags, int fd, size_t offset)',
  ) as KoffiFunc<(...args: [number, number, number, number, number, number]) => unknown>;
  const munmap = library.func('int munmap(size_t at, size_t size)') as Numbers<[number, number]>;

  // One scratch for small arguments: an option's value (8 bytes), its length (4), an event (16), a peeked byte, the
  // address of a peer and its length.
  const scratch = allocate(128);
  const words = new Int32Array(scratch.bytes.buffer, scratch.bytes.byteOffset, 32);
  const eventAt = scratch.address + 16;
  const eventWord = 4;
  const peekAt = scratch.address + 32;
  const peerAt = 64;
  const peerLengthWord = 24;
  // `struct io_uring_getevents_arg { u64 sigmask; u32 sigmask_sz; u32 pad; u64 ts; }`, then the `timespec` that it points at.
  const waiting = allocate(40);
  waiting.bytes.fill(0);
  waiting.bytes.writeBigUInt64LE(BigInt(waiting.address + ringAbi.waitArgumentBytes), 16);
  const timespec = new BigInt64Array(
    waiting.bytes.buffer,
    waiting.bytes.byteOffset + ringAbi.waitArgumentBytes,
    2,
  );

  /** The result, or the error as a number below zero. Nothing may come between the call and this. */
  function done(result: number): number {
    return result < 0 ? -koffi.errno() : result;
  }
  function valid(fd: number): number {
    if (!Number.isInteger(fd) || fd < 0) throw new RangeError(`Not a descriptor: ${String(fd)}`);
    return fd;
  }
  function within(length: number, size: number): number {
    if (!(length > 0 && length <= size)) {
      throw new RangeError(`Not a length within ${String(size)} bytes: ${String(length)}`);
    }
    return length;
  }
  function control(epoll: number, operation: number, fd: number, events: number, tag: number): number {
    words[eventWord] = events;
    words[eventWord + layout.dataWord] = fd;
    words[eventWord + layout.dataWord + 1] = tag;
    return done(epollCtl(valid(epoll), operation, valid(fd), eventAt));
  }

  return {
    recv: (fd, buffer, limit) => done(recv(valid(fd), buffer.address, within(limit, buffer.size), 0)),
    send(fd, buffer, start, length) {
      if (!(start >= 0)) throw new RangeError(`Not a place in a buffer: ${String(start)}`);
      within(start + within(length, buffer.size), buffer.size);
      return done(send(valid(fd), buffer.address + start, length, abi.MSG_NOSIGNAL));
    },
    sendRest(fd, bytes, from) {
      const rest = bytes.subarray(from);
      return done(sendBytes(valid(fd), rest, within(rest.length, bytes.length), abi.MSG_NOSIGNAL));
    },
    peek: (fd) => done(recv(valid(fd), peekAt, 1, abi.MSG_PEEK)),
    hasPeerEnded(fd) {
      // struct pollfd { int fd; short events; short revents; }: both bits and layout are those of epoll's, little-endian
      words[0] = valid(fd);
      words[1] = abi.EPOLLRDHUP;
      return poll(scratch.address, 1, 0) > 0 && (words.at(1) ?? 0) >>> 16 !== 0;
    },
    accept: (fd) => done(accept4(valid(fd), 0, 0, abi.SOCK_NONBLOCK | abi.SOCK_CLOEXEC)),
    acceptFrom(fd, peer) {
      words[peerLengthWord] = peerBytes;
      const flags = abi.SOCK_NONBLOCK | abi.SOCK_CLOEXEC;
      const result = done(
        accept4(valid(fd), scratch.address + peerAt, scratch.address + peerLengthWord * 4, flags),
      );
      if (result >= 0) peer.set(scratch.bytes.subarray(peerAt, peerAt + peerBytes));
      return result;
    },
    socket: (family) => done(socket(family, abi.SOCK_STREAM | abi.SOCK_NONBLOCK | abi.SOCK_CLOEXEC, 0)),
    connect: (fd, { bytes }) => done(connect(valid(fd), bytes, bytes.length)),
    bind: (fd, { bytes }) => done(bind(valid(fd), bytes, bytes.length)),
    listen: (fd, backlog) => done(listen(valid(fd), backlog)),
    localAddress(fd, into) {
      const length = new Uint8Array(new Uint32Array([into.length]).buffer);
      return done(getsockname(valid(fd), into, length));
    },
    setOption(fd, level, option, value) {
      words[0] = value;
      return done(setsockopt(valid(fd), level, option, scratch.address, 4));
    },
    resetOnClose(fd) {
      // struct linger { int l_onoff; int l_linger; }
      words[0] = 1;
      words[1] = 0;
      return done(setsockopt(valid(fd), abi.SOL_SOCKET, abi.SO_LINGER, scratch.address, 8));
    },
    pendingError(fd) {
      words[0] = 0;
      words[2] = 4;
      const result = getsockopt(
        valid(fd),
        abi.SOL_SOCKET,
        abi.SO_ERROR,
        scratch.address,
        scratch.address + 8,
      );
      return result < 0 ? done(result) : -(words.at(0) ?? 0);
    },
    unacknowledged(fd) {
      words[0] = 0;
      const result = ioctl(valid(fd), abi.SIOCOUTQ, scratch.address);
      return result < 0 ? done(result) : (words.at(0) ?? 0);
    },
    shutdown: (fd) => done(shutdown(valid(fd), abi.SHUT_WR)),
    adopt(fd) {
      const result = done(fcntl(valid(fd), abi.F_SETFD, abi.FD_CLOEXEC));
      return result < 0 ? result : done(fcntl(fd, abi.F_SETFL, abi.O_NONBLOCK));
    },
    close: (fd) => done(close(valid(fd))),
    epollCreate: () => done(epollCreate(abi.SOCK_CLOEXEC)),
    epollAdd: (epoll, fd, events, tag) => control(epoll, abi.EPOLL_CTL_ADD, fd, events, tag),
    epollRemove: (epoll, fd) => control(epoll, abi.EPOLL_CTL_DEL, fd, 0, 0),
    epollWait: (epoll, events, timeoutMs) =>
      done(epollWait(valid(epoll), events.buffer.address, events.capacity, timeoutMs)),
    timer(everyMs) {
      const fd = done(timerCreate(abi.CLOCK_BOOTTIME, abi.SOCK_NONBLOCK | abi.SOCK_CLOEXEC));
      if (fd < 0) return fd;
      // struct itimerspec { struct timespec it_interval, it_value; }, each of { time_t tv_sec; long tv_nsec; }
      const nanoseconds = BigInt(within(everyMs, 999)) * 1_000_000n;
      const next = new BigInt64Array([0n, nanoseconds, 0n, nanoseconds]);
      const result = done(timerSet(fd, 0, new Uint8Array(next.buffer), 0));
      if (result >= 0) return fd;
      close(fd);
      return result;
    },
    expirations(fd) {
      const result = done(read(valid(fd), scratch.address, 8));
      return result < 0 ? result : (words.at(0) ?? 0); // the upper half counts beyond a hundred years
    },
    ownLoop() {
      // https://nodejs.org/api/n-api.html#napi_get_uv_event_loop and https://docs.libuv.org/en/v1.x/loop.html
      const loopOf = library.func('int napi_get_uv_event_loop(void *env, _Out_ void **loop)') as KoffiFunc<
        (env: unknown, loop: [unknown]) => number
      >;
      const backendFd = library.func('int uv_backend_fd(void *loop)') as KoffiFunc<(loop: unknown) => number>;
      const loop: [unknown] = [null];
      if (loopOf(koffi.node.env, loop) !== 0 || loop[0] === null) return abi.ENOENT;
      return backendFd(loop[0]);
    },
    socketPair() {
      const pair = new Int32Array(2);
      const type = abi.SOCK_STREAM | abi.SOCK_NONBLOCK | abi.SOCK_CLOEXEC;
      const result = done(socketpair(abi.AF_UNIX, type, 0, pair));
      return result < 0 ? result : [pair[0] ?? 0, pair[1] ?? 0];
    },
    ringSetup: (entries, params) =>
      done(syscall(ringAbi.SYS_io_uring_setup, entries, params.address, 0, 0, 0, 0)),
    ringRegister: (ring, operation, argument) =>
      done(syscall(ringAbi.SYS_io_uring_register, valid(ring), operation, argument.address, 1, 0, 0)),
    ringEnter(ring, submit, atLeast, waitMs) {
      let flags = ringAbi.IORING_ENTER_GETEVENTS;
      let argument = 0;
      let argumentBytes = 0;
      if (atLeast > 0 && waitMs !== Infinity) {
        const seconds = Math.floor(waitMs / 1_000);
        timespec[0] = BigInt(seconds);
        timespec[1] = BigInt(Math.floor((waitMs - seconds * 1_000) * 1e6));
        flags |= ringAbi.IORING_ENTER_EXT_ARG;
        argument = waiting.address;
        argumentBytes = ringAbi.waitArgumentBytes;
      }
      const { SYS_io_uring_enter: call } = ringAbi;
      return done(syscall(call, valid(ring), submit, atLeast, flags, argument, argumentBytes));
    },
    map(size, fd, offset) {
      const flags = fd < 0 ? abi.MAP_PRIVATE_ANONYMOUS : abi.MAP_SHARED;
      const pointer = mmap(0, size, abi.PROT_READ_WRITE, flags, fd, offset);
      const address = Number(BigInt.asIntN(64, koffi.address(pointer)));
      if (address === -1) return -koffi.errno();
      return { memory: koffi.view(pointer, size), address };
    },
    unmap({ memory, address }) {
      munmap(address, memory.byteLength);
    },
  };
}
