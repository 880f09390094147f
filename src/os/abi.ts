/**
 * What the kernel calls things. The numbers are those of `include/uapi/asm-generic/` (errno-base.h, errno.h, fcntl.h,
 * socket.h) and of glibc's and musl's `bits/socket.h`, which x86-64 and arm64 share; other architectures (MIPS,
 * SPARC, PA-RISC, Alpha) have numbers of their own and are refused in `layoutOf`.
 */

export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;

/** `include/uapi/linux/time.h`; it also goes on while the machine sleeps. */
export const CLOCK_BOOTTIME = 7;

export const SOCK_STREAM = 1;
/** O_NONBLOCK and O_CLOEXEC as flags of socket(2), accept4(2), epoll_create1(2). */
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;

export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_ERROR = 4;
export const SO_KEEPALIVE = 9;
export const SO_LINGER = 13;
export const SO_REUSEPORT = 15;

/** `include/uapi/linux/tcp.h` */
export const IPPROTO_TCP = 6;
export const TCP_NODELAY = 1;
export const TCP_KEEPIDLE = 4;
export const TCP_QUICKACK = 12;

/** ioctl(2), `include/uapi/linux/sockios.h`: how much of what was written has not been acknowledged. */
export const SIOCOUTQ = 0x5411;

export const MSG_PEEK = 0x2;
export const MSG_NOSIGNAL = 0x4000;
export const SHUT_WR = 1;

/** `include/uapi/linux/in6.h` */
export const IPPROTO_IPV6 = 41;
export const IPV6_V6ONLY = 26;

/** `include/uapi/linux/eventpoll.h` */
export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLLIN = 0x1;
export const EPOLLOUT = 0x4;
export const EPOLLERR = 0x8;
export const EPOLLHUP = 0x10;
export const EPOLLRDHUP = 0x2000;
/** As a signed 32-bit number, for that is what the arrays of events hold. */
export const EPOLLET = 1 << 31;
/** Only one of the loops that share a listener is woken by a connection. Linux 4.5. */
export const EPOLLEXCLUSIVE = 1 << 28;

/** Our calls answer as the kernel does: what they return, or an error number below zero. */
export const EINTR = -4;
export const EAGAIN = -11;
export const ENOENT = -2;
export const ENETDOWN = -100;
export const ENETUNREACH = -101;
export const ECONNABORTED = -103;
export const ECONNRESET = -104;
export const ECONNREFUSED = -111;
export const EHOSTDOWN = -112;
export const EHOSTUNREACH = -113;
export const EINPROGRESS = -115;
export const EPROTO = -71;
export const ENOPROTOOPT = -92;
export const EOPNOTSUPP = -95;
export const ENONET = -64;

/** How `struct epoll_event { uint32_t events; epoll_data_t data; }` lies in memory, in 32-bit words. */
export interface EventLayout {
  readonly words: number;
  /** Where `data` begins; `events` is word 0. */
  readonly dataWord: number;
}

/**
 * The layout of an event on an architecture, as Node names it.
 *
 * `include/uapi/linux/eventpoll.h` packs the structure on x86-64 ("so that the 32-bit and 64-bit structures are the
 * same") and nowhere else; elsewhere the 64-bit data is aligned.
 *
 * @returns `undefined` where the numbers of this file have not been checked
 */
export function layoutOf(architecture: string): EventLayout | undefined {
  switch (architecture) {
    case 'x64':
      return { words: 3, dataWord: 1 };
    case 'arm64':
      return { words: 4, dataWord: 2 };
    default:
      return undefined;
  }
}

// fcntl(2). A socket has no other status flags that are worth keeping.
export const F_SETFD = 2;
export const F_SETFL = 4;
export const FD_CLOEXEC = 1;
export const O_NONBLOCK = 0o4000;

/** Of send(2): all or nothing is a success. */
export const MSG_DONTWAIT = 0x40;
export const MSG_WAITALL = 0x100;

export const EPERM = -1;
export const EINVAL = -22;
export const ENOSYS = -38;
export const ENOBUFS = -105;
export const ETIME = -62;
export const EBUSY = -16;
export const ECANCELED = -125;

// mmap(2)
export const PROT_READ_WRITE = 0x3;
export const MAP_SHARED = 0x1;
export const MAP_PRIVATE_ANONYMOUS = 0x22;
