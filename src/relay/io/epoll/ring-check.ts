import * as abi from './abi.ts';
import { Ring } from './ring.ts';
import { errorName, type Kernel } from './syscalls.ts';

/** More than a socket takes at once (net.core.wmem_default is 208 KiB), so that a send is cut short. */
const sizes = {
  buffers: 4,
  bufferBytes: 1024 * 1024,
  sockets: 4,
  shortReplies: 0,
  busyTurn: 0,
  shortRepliesAgain: 0,
} as const;
const word = new TextEncoder().encode('PING\r\n');
const tag = 1;
const waitMs = 1_000;

/**
 * Does once, on a pair of sockets, everything that carrying relies on: receiving on and on, sending, being told exactly what
 * was not sent, ending, and watching an epoll set. A kernel that does otherwise is not trusted with anybody's bytes. Takes some
 * milliseconds.
 *
 * @throws Error saying what io_uring lacks here
 */
export function checkRing(kernel: Kernel): void {
  const { sys } = kernel;
  const ring = Ring.open(kernel, sizes);
  const pair = sys.socketPair();
  const epoll = sys.epollCreate();
  try {
    if (typeof pair === 'number') throw new Error(`socketpair failed with ${errorName(pair)}`);
    if (epoll < 0) throw new Error(`epoll_create1 failed with ${errorName(epoll)}`);
    checkCarrying(ring, pair, kernel);
    checkWatching(ring, pair, kernel, epoll);
  } finally {
    ring.close();
    if (epoll >= 0) sys.close(epoll);
    if (typeof pair !== 'number') for (const fd of pair) sys.close(fd);
  }
}

function checkCarrying(ring: Ring, [ours, theirs]: readonly [number, number], kernel: Kernel): void {
  const { sys } = kernel;
  const heard = kernel.buffer(sizes.bufferBytes);
  function enter(): number | undefined {
    let failure: number | undefined;
    ring.enter(waitMs, (_send, result) => {
      failure = result;
    });
    return failure;
  }
  function receipt(): number {
    expect(ring.next(ring.end) && ring.fd === ours && ring.tag === tag, 'it tells of what is received');
    return ring.result;
  }

  ring.receive(ours, tag);
  for (const times of ['once', 'again']) {
    sys.sendRest(theirs, word, 0);
    enter();
    expect(receipt() === word.length && ring.goesOn && ring.buffer >= 0, `it receives ${times}`);
    const at = ring.buffer * ring.bufferBytes;
    expect(
      word.every((byte, index) => ring.bytes[at + index] === byte),
      'it receives what was sent',
    );
    if (times === 'once') ring.giveBack(ring.buffer);
  }

  ring.send(ours, ring.buffer, ring.bufferBytes);
  sys.sendRest(theirs, word, 0); // for `enter` to return
  const sent = enter() ?? 0;
  expect(sent > 0 && sent < ring.bufferBytes, 'it tells how much was sent');
  let arrived = 0;
  for (let got = 1; got > 0; arrived += Math.max(got, 0)) got = sys.recv(theirs, heard, heard.size);
  expect(arrived === sent, 'it sends what it says');
  expect(receipt() === word.length, 'it receives while it sends');
  ring.send(ours, ring.buffer, word.length);

  ring.stop(ours, tag);
  expect(enter() === undefined, 'it sends without a word');
  expect(sys.recv(theirs, heard, heard.size) === word.length, 'it sends a short word');
  expect(receipt() === abi.ECANCELED && !ring.goesOn, 'it ends');
  expect(!ring.next(ring.end) && ring.isIdle, 'it says no more than that');
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
  const heard = kernel.buffer(word.length);
  sys.epollAdd(epoll, theirs, abi.EPOLLIN | abi.EPOLLET, tag);
  ring.watch(epoll);
  for (const times of ['once', 'again']) {
    sys.sendRest(ours, word, 0);
    const { end } = ring;
    ring.enter(waitMs, () => undefined);
    // Where it is not told of any more it would have to be asked for anew.
    const isTold = ring.end !== end && !ring.next(ring.end) && !ring.hasRequests;
    expect(isTold && sys.epollWait(epoll, events, 0) === 1, `it tells of an epoll set ${times}`);
    sys.recv(theirs, heard, heard.size);
    expect(sys.epollWait(epoll, events, 0) === 0, 'an epoll set is empty after that');
  }
}

function expect(isTrue: boolean, what: string): void {
  if (!isTrue) throw new Error(`io_uring does not do what is expected of it: that ${what}`);
}
