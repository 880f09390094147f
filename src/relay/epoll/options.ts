import { keepAliveIdleMs, noDelay } from '../../net/socket-options.ts';
import * as abi from './abi.ts';
import type { Syscalls } from './syscalls.ts';

/** Those of a dialled socket, and of a listener, from which the sockets it accepts inherit them. */
export function setSocketOptions(sys: Syscalls, fd: number): void {
  sys.setOption(fd, abi.IPPROTO_TCP, abi.TCP_NODELAY, Number(noDelay));
  sys.setOption(fd, abi.SOL_SOCKET, abi.SO_KEEPALIVE, 1);
  sys.setOption(fd, abi.IPPROTO_TCP, abi.TCP_KEEPIDLE, keepAliveIdleMs / 1_000);
}
