import type { RingSizes } from '../../src/relay/io/epoll/ring.ts';

/** Every session goes over at once, and comes to the end of what a ring has: buffers are few and small. */
export const tight: RingSizes = {
  buffers: 8,
  bufferBytes: 512,
  sockets: 64,
  shortReplies: 1,
  busyTurn: 0,
  shortRepliesAgain: 3,
};

/** Every session goes over at once, and a thousand have room. */
export const roomy: RingSizes = { ...tight, buffers: 256, sockets: 4096 };
