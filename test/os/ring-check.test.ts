import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkRing } from '../../src/os/ring-check.ts';
import * as ringAbi from '../../src/os/ring-abi.ts';
import { openKernel, type Kernel } from '../../src/os/syscalls.ts';
import { hasRing } from '../relay/io/epoll/engines.ts';

/** Changes what is asked of the kernel, so that it is the kernel that does otherwise than expected. */
type Change = (request: Int32Array) => void;

function otherwise(kernel: Kernel, operation: number, change: Change): Kernel {
  const { sys } = kernel;
  let requests = new Int32Array();
  return {
    ...kernel,
    sys: {
      ...sys,
      map(size, fd, offset) {
        const mapped = sys.map(size, fd, offset);
        if (offset === ringAbi.IORING_OFF_SQES && typeof mapped !== 'number')
          requests = new Int32Array(mapped.memory);
        return mapped;
      },
      ringEnter(...call) {
        for (let at = 0; at < requests.length; at += ringAbi.requestWords) {
          const request = requests.subarray(at, at + ringAbi.requestWords);
          if (((request[ringAbi.request.operation] ?? 0) & 0xff) === operation) change(request);
        }
        return sys.ringEnter(...call);
      },
    },
  };
}

const unknownFlag = 1 << 30;

const differences: readonly (readonly [string, number, Change, RegExp])[] = [
  [
    'receives only once',
    ringAbi.IORING_OP_RECV,
    (request) => (request[ringAbi.request.operation] = ringAbi.IORING_OP_RECV | ringAbi.IOSQE_BUFFER_SELECT),
    /: that it receives once$/,
  ],
  [
    'takes a part of a send for a success',
    ringAbi.IORING_OP_SEND,
    (request) => (request[ringAbi.request.operationFlags] = 0x4040),
    /: that it reports how much was sent$/,
  ],
  [
    'does not end what is to end',
    ringAbi.IORING_OP_ASYNC_CANCEL,
    (request) => (request[ringAbi.request.address] = 1_000_000),
    /: that it reports what is received$/,
  ],
  [
    'refuses to watch a set',
    ringAbi.IORING_OP_POLL_ADD,
    (request) => (request[ringAbi.request.length] = unknownFlag),
    /: that it reports an event of an epoll set once$/,
  ],
  [
    'reports events of a set only once',
    ringAbi.IORING_OP_POLL_ADD,
    (request) => (request[ringAbi.request.length] = 0),
    /: that it reports an event of an epoll set once$/,
  ],
];

const skip = !(await hasRing()) && 'there is no io_uring here, or it is forbidden';

describe('checkRing()', { skip }, () => {
  it('passes here', async () => {
    checkRing(await openKernel());
  });

  for (const [what, operation, change, message] of differences)
    it(`does not trust a kernel that ${what}`, async () => {
      const kernel = otherwise(await openKernel(), operation, change);
      assert.throws(() => {
        checkRing(kernel);
      }, message);
    });
});
