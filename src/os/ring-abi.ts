/**
 * What io_uring calls things: `include/uapi/linux/io_uring.h`, the same on every architecture. System call numbers are those of
 * `include/uapi/asm-generic/unistd.h`, which x86-64 shares for these three. Offsets in structures are in 32-bit words.
 */

export const SYS_io_uring_setup = 425;
export const SYS_io_uring_enter = 426;
export const SYS_io_uring_register = 427;

const IORING_SETUP_CQSIZE = 1 << 3;
const IORING_SETUP_SUBMIT_ALL = 1 << 7;
const IORING_SETUP_SINGLE_ISSUER = 1 << 12;
const IORING_SETUP_DEFER_TASKRUN = 1 << 13;
const IORING_SETUP_NO_SQARRAY = 1 << 16;
/**
 * The number of completions is ours to say; a request that is refused does not keep those behind it from being looked at; one thread
 * submits; nothing is received, and no completion written, but within io_uring_enter of that thread (Linux 6.1), so that memory
 * shared with the kernel needs no barriers here and nothing is read from a socket behind our back; no indirection in front of the
 * requests (Linux 6.6, the oldest that is used here).
 */
export const setupFlags =
  IORING_SETUP_CQSIZE |
  IORING_SETUP_SUBMIT_ALL |
  IORING_SETUP_SINGLE_ISSUER |
  IORING_SETUP_DEFER_TASKRUN |
  IORING_SETUP_NO_SQARRAY;

/** `struct io_uring_params`: 120 bytes. */
export const paramsBytes = 120;
export const params = {
  submissionEntries: 0,
  completionEntries: 1,
  flags: 2,
  submissionHead: 10,
  submissionTail: 11,
  completionHead: 20,
  completionTail: 21,
  completions: 25,
} as const;

export const IORING_OFF_SQ_RING = 0;
export const IORING_OFF_SQES = 0x1000_0000;

export const IORING_ENTER_GETEVENTS = 1 << 0;
export const IORING_ENTER_EXT_ARG = 1 << 3;

export const IORING_REGISTER_PBUF_RING = 22;
/** `struct io_uring_buf_reg`: 40 bytes. */
export const bufferRegistrationBytes = 40;

export const IORING_OP_POLL_ADD = 6;
export const IORING_OP_ASYNC_CANCEL = 14;
export const IORING_OP_SEND = 26;
export const IORING_OP_RECV = 27;

/** `struct io_uring_sqe`: 16 words. The first holds operation, flags and `ioprio`. */
export const requestWords = 16;
export const request = {
  operation: 0,
  fd: 1,
  address: 4,
  length: 6,
  operationFlags: 7,
  data: 8,
  bufferGroup: 10,
} as const;
/** In the first word, above the operation: a buffer of the group is taken for what is received. */
export const IOSQE_BUFFER_SELECT = 1 << (8 + 5);
/** A request that succeeds leaves no completion. */
export const IOSQE_CQE_SKIP_SUCCESS = 1 << (8 + 6);
/** In the first word's upper half: goes on receiving until it is cancelled, fails or finds no buffer. */
const IORING_RECV_MULTISHOT = 1 << (16 + 1);
export const receiveMultishot = IORING_OP_RECV | IOSQE_BUFFER_SELECT | IORING_RECV_MULTISHOT;
/** `len` of a poll: goes on reporting. */
export const IORING_POLL_ADD_MULTI = 1 << 0;

/** `struct io_uring_cqe`: 4 words, `user_data` first. */
export const completionWords = 4;
export const completion = { data: 0, result: 2, flags: 3 } as const;
/** There is a buffer, its number in the upper half. */
export const IORING_CQE_F_BUFFER = 1 << 0;
export const IORING_CQE_BUFFER_SHIFT = 16;
/** The request goes on. */
export const IORING_CQE_F_MORE = 1 << 1;

/** `struct io_uring_buf`: 4 words: address in two, length, number. */
export const bufferWords = 4;
/** Where the ring of buffers has its tail: in the place of the first one's reserved half-word. */
export const bufferTailHalfWord = 7;

/** `sizeof(struct io_uring_getevents_arg)`, and where its `ts` points. */
export const waitArgumentBytes = 24;
