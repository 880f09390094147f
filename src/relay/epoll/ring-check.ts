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
 * was not sent, and ending. A kernel that does otherwise is not trusted with anybody's bytes. Takes a millisecond or two.
 *
 * @throws Error saying what io_uring lacks here
 */
export function checkRing(kernel: Kernel): void {
  const ring = Ring.open(kernel, sizes);
  const pair = kernel.sys.socketPair();
  try {
    if (typeof pair === 'number') throw new Error(`socketpair failed with ${errorName(pair)}`);
    checkOn(ring, pair, kernel);
  } finally {
    ring.close();
    if (typeof pair !== 'number') for (const fd of pair) kernel.sys.close(fd);
  }
}

function checkOn(ring: Ring, [ours, theirs]: readonly [number, number], kernel: Kernel): void {
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

function expect(isTrue: boolean, what: string): void {
  if (!isTrue) throw new Error(`io_uring does not do what is expected of it: that ${what}`);
}
