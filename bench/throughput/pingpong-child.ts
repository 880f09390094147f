// node pingpong-child.js PORT COUNT: prints the latency of COUNT GETs, one at a time, as JSON.
import koffi from 'koffi';
import { quantile } from '../lib/stats.ts';

const libc = koffi.load(null);
const socket = libc.func('int socket(int domain, int type, int protocol)');
const connect = libc.func('int connect(int fd, const uint8_t *address, uint32_t length)');
const setsockopt = libc.func(
  'int setsockopt(int fd, int level, int name, const int *value, uint32_t length)',
);
const send = libc.func('intptr_t send(int fd, const uint8_t *data, size_t length, int flags)');
const recv = libc.func('intptr_t recv(int fd, _Out_ uint8_t *data, size_t length, int flags)');

// Linux: AF_INET 2, SOCK_STREAM 1, IPPROTO_TCP 6, TCP_NODELAY 1.
const [port, count] = process.argv.slice(2).map(Number);
if (port === undefined || count === undefined) throw new Error('Usage: pingpong-child.js PORT COUNT');
const fd = Number(socket(2, 1, 0));
const address = Buffer.from([2, 0, port >> 8, port & 255, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
if (connect(fd, address, address.length) !== 0) throw new Error(`Cannot connect to port ${String(port)}`);
setsockopt(fd, 6, 1, [1], 4);

const command = Buffer.from('*2\r\n$3\r\nGET\r\n$16\r\nkey:__rand_int__\r\n');
const reply = Buffer.alloc(1024);
const warmUp = Math.min(2000, count);
const tookNs = new Float64Array(count);
let started = performance.now();
for (let at = -warmUp; at < count; at += 1) {
  if (at === 0) started = performance.now();
  const before = process.hrtime.bigint();
  send(fd, command, command.length, 0);
  const got = Number(recv(fd, reply, reply.length, 0));
  if (at >= 0) tookNs[at] = Number(process.hrtime.bigint() - before);
  if (got <= 0 || reply[0] !== 0x24) throw new Error('Cannot go on: the reply is no bulk string');
}
const seconds = (performance.now() - started) / 1000;
const tookUs = Array.from(tookNs, (ns) => ns / 1000);
process.stdout.write(
  JSON.stringify({ perSecond: count / seconds, p50Us: quantile(tookUs, 0.5), p99Us: quantile(tookUs, 0.99) }),
);
