import { keepAliveIdleMs, noDelay } from '../net/socket-options.ts';
import * as abi from './abi.ts';
import type { Syscalls } from './syscalls.ts';

/** Those of a listener, from which the sockets it accepts inherit them. */
export function setListenerOptions(sys: Syscalls, fd: number): void {
  setNoDelay(sys, fd);
  setKeepAlive(sys, fd);
}

/**
 * Those of a socket before it is connected.
 *
 * Without TCP_QUICKACK (tcp(7)) the last word of the handshake goes with the first that the client says, or alone 200 ms later
 * (TCP_DELACK_MAX of include/net/tcp.h): a packet less for us, and for the server one wake-up instead of two. What we know of
 * the connection comes with the word before that one.
 */
export function setDialOptions(sys: Syscalls, fd: number): void {
  setNoDelay(sys, fd);
  sys.setOption(fd, abi.IPPROTO_TCP, abi.TCP_QUICKACK, 0);
}

/** Has the kernel find out when a silent peer has gone. */
export function setKeepAlive(sys: Pick<Syscalls, 'setOption'>, fd: number): void {
  sys.setOption(fd, abi.IPPROTO_TCP, abi.TCP_KEEPIDLE, keepAliveIdleMs / 1_000);
  sys.setOption(fd, abi.SOL_SOCKET, abi.SO_KEEPALIVE, 1);
}

function setNoDelay(sys: Syscalls, fd: number): void {
  sys.setOption(fd, abi.IPPROTO_TCP, abi.TCP_NODELAY, Number(noDelay));
}
