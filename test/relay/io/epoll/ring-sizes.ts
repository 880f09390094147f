import type { RingSizes } from '../../../../src/os/ring.ts';

/** Every session goes over at once, and comes to the end of what a ring has: buffers are few and small. */
export const tight: RingSizes = {
  buffers: 8,
  bufferBytes: 512,
  connections: 64,
  shortReads: 1,
  busyIteration: 0,
  shortReadsAgain: 3,
};

/** Every session goes over at once, and a thousand have room. */
export const roomy: RingSizes = { ...tight, buffers: 256, connections: 4096 };
