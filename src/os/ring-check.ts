import * as abi from './abi.ts';
import { Ring } from './ring.ts';
import { checked, errorName, type Kernel } from './syscalls.ts';

/** More than a socket takes at once (net.core.wmem_default is 208 KiB), so that a send is cut short. */
const bufferBytes = 1024 * 1024;
const sizes = {
  buffers: 4,
  bufferBytes,
  connections: 4,
  shortReads: 0,
  busyIteration: 0,
  shortReadsAgain: 0,
} as const;
const message = new TextEncoder().encode('PING\r\n');
const tag = 1;
const waitMs = 1_000;

/**
 * Does once, on a pair of sockets, everything that the engine relies on: receiving on and on, sending, being told exactly what was
 * not sent, ending, and watching an epoll set. A kernel that does otherwise is not trusted with the bytes of clients. Takes some
 * milliseconds.
 *
 * @throws Error saying what io_uring lacks here
 */
export function checkRing(kernel: Kernel): void {
  const { sys } = kernel;
  const ring = new Ring(kernel, sizes);
  const opened: number[] = [];
  try {
    const pair = sys.socketPair();
    if (typeof pair === 'number') throw new Error(`socketpair failed with ${errorName(pair)}`);
    opened.push(...pair);
    const epoll = checked(sys.epollCreate(), 'epoll_create1');
    opened.push(epoll);
    checkCarrying(ring, pair, kernel);
    checkWatching(ring, pair, kernel, epoll);
  } finally {
    ring.close();
    for (const fd of opened) sys.close(fd);
  }
}

function checkCarrying(ring: Ring, [ours, theirs]: readonly [number, number], kernel: Kernel): void {
  const { sys } = kernel;
  const received = kernel.buffer(bufferBytes);
  /** @returns how much was not sent, where that is reported */
  function enter(): number | undefined {
    let unsent: number | undefined;
    ring.enter(waitMs, (_send, rest) => {
      unsent = rest.length;
    });
    return unsent;
  }
  function receipt(): number {
    expect(ring.next(ring.end) && ring.fd === ours && ring.tag === tag, 'it reports what is received');
    return ring.result;
  }

  ring.receive(ours, tag);
  for (const times of ['once', 'again']) {
    sys.sendRest(theirs, message, 0);
    enter();
    expect(receipt() === message.length && ring.goesOn && ring.buffer >= 0, `it receives ${times}`);
    const at = ring.buffer * bufferBytes;
    expect(
      message.every((byte, index) => ring.bytes[at + index] === byte),
      'it receives what was sent',
    );
    if (times === 'once') ring.giveBack(ring.buffer);
  }

  ring.send(ours, ring.buffer, bufferBytes);
  sys.sendRest(theirs, message, 0); // for `enter` to return
  const sent = bufferBytes - (enter() ?? 0);
  expect(sent > 0 && sent < bufferBytes, 'it reports how much was sent');
  let arrived = 0;
  for (let got = 1; got > 0; arrived += Math.max(got, 0)) got = sys.recv(theirs, received, received.size);
  expect(arrived === sent, 'it sends what it reports');
  expect(receipt() === message.length, 'it receives while it sends');
  ring.send(ours, ring.buffer, message.length);

  ring.stop(ours, tag);
  expect(enter() === undefined, 'it reports no send that succeeds');
  expect(sys.recv(theirs, received, received.size) === message.length, 'it sends a short message');
  expect(receipt() === abi.ECANCELED && !ring.goesOn, 'it stops receiving');
  expect(!ring.next(ring.end) && ring.isIdle, 'it reports nothing after that');
}

/** An epoll set, as the loop waits for it through the ring: for the next event each time after it was found empty. */
function checkWatching(
  ring: Ring,
  [ours, theirs]: readonly [number, number],
  kernel: Kernel,
  epoll: number,
): void {
  const { sys } = kernel;
  const events = kernel.events(1);
  const received = kernel.buffer(message.length);
  sys.epollAdd(epoll, theirs, abi.EPOLLIN | abi.EPOLLET, tag);
  ring.watch(epoll);
  for (const times of ['once', 'again']) {
    sys.sendRest(ours, message, 0);
    const { end } = ring;
    ring.enter(waitMs, () => undefined);
    // A watch that has ended would have to be asked for again.
    const isReported = ring.end !== end && !ring.next(ring.end) && !ring.hasRequests;
    expect(
      isReported && sys.epollWait(epoll, events, 0) === 1,
      `it reports an event of an epoll set ${times}`,
    );
    sys.recv(theirs, received, received.size);
    expect(sys.epollWait(epoll, events, 0) === 0, 'the epoll set is empty after that');
  }
}

function expect(isTrue: boolean, what: string): void {
  if (!isTrue) throw new Error(`io_uring does not work as expected: that ${what}`);
}
