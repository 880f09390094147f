import type { Connection, ConnectionHandler } from '../../src/relay/io/connection.ts';

/** The end of what a peer sends, in the queue of what is not handed over yet. */
const end = Symbol('end');

/**
 * A connection whose peer and whose kernel do what a test says. It keeps to the contract of `Connection`: a handler hears nothing
 * after `close` or `reset`, received bytes wait while it is paused, and the bytes that it lends are gone after the call.
 */
export class FakeConnection implements Connection {
  /** Everyone who was its handler, in order. */
  readonly handlers: ConnectionHandler[] = [];
  isPaused = true;
  /** Whether our direction has ended. */
  hasEnded = false;
  closed: 'close' | 'reset' | 'gone' | undefined;
  /** Whether everything written so far was sent when it was closed. */
  wasFlushed = true;
  /** Answers `checkPeer` before that returns; where not, `answerCheck` does. */
  answersAtOnce = true;
  /** Whether the kernel takes what is written. */
  #takes = true;
  #isFlushed = true;
  #wasResumed = false;
  #hasPeerEnded = false;
  #written: Buffer[] = [];
  #unread: (Buffer | typeof end)[] = [];
  #check: ((hasEnded: boolean) => void) | undefined;

  get handler(): ConnectionHandler {
    const handler = this.handlers.at(-1);
    if (!handler) throw new Error('Nobody handles this connection yet');
    return handler;
  }

  set handler(handler: ConnectionHandler) {
    this.handlers.push(handler);
  }

  get isOpen(): boolean {
    return this.closed === undefined;
  }

  get isFlushed(): boolean {
    return !this.isOpen || this.#isFlushed;
  }

  /** Whether its peer can send anything that reaches a handler. */
  get canReceive(): boolean {
    return this.isOpen && !this.#hasPeerEnded;
  }

  /** Everything that was written to it. */
  get written(): string {
    return Buffer.concat(this.#written).toString('latin1');
  }

  write(bytes: Uint8Array, start: number, end: number): boolean {
    if (!this.isOpen) return true;
    if (this.hasEnded) throw new Error('Bytes were written behind the end');
    this.#written.push(Buffer.from(bytes.subarray(start, end)));
    if (!this.#takes) this.#isFlushed = false;
    return this.#isFlushed;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    if (!this.isOpen) return;
    this.isPaused = false;
    this.#wasResumed = true;
    this.#handOverUnread();
  }

  end(): void {
    if (this.isOpen) this.hasEnded = true;
  }

  close(): void {
    this.#close('close');
  }

  reset(): void {
    this.#close('reset');
  }

  checkPeer(answer: (hasEnded: boolean) => void): void {
    if (this.#wasResumed) throw new Error('A connection that was resumed cannot be checked');
    if (!this.isOpen) return;
    if (this.answersAtOnce) answer(this.#hasPeerEnded);
    else this.#check = answer;
  }

  // What a test makes happen. Nothing of it reaches a handler once the connection is closed.

  /** The peer sends something: it is handed over now, or once the connection is resumed. */
  receive(text: string): void {
    if (!this.canReceive) return;
    this.#unread.push(Buffer.from(text, 'latin1'));
    this.#handOverUnread();
  }

  /** The peer sends something that was received just before the connection was paused: it is handed over all the same. */
  receiveThoughPaused(text: string): void {
    if (!this.canReceive) return;
    this.#unread.push(Buffer.from(text, 'latin1'));
    for (const bytes of this.#unread.splice(0)) if (this.isOpen && bytes !== end) this.#handOver(bytes);
  }

  /** The peer ends its direction. */
  endPeer(): void {
    if (!this.canReceive) return;
    this.#hasPeerEnded = true;
    const hasUnread = this.#unread.length > 0;
    this.#unread.push(end);
    if (this.#wasResumed) this.#handOverUnread();
    else this.handler.ending(this, hasUnread);
  }

  /** The peer has ended its direction, which nobody has noticed yet. */
  endPeerUnnoticed(): void {
    this.#hasPeerEnded = true;
    this.#unread.push(end);
  }

  /** Answers what `checkPeer` asked. */
  answerCheck(): void {
    const check = this.#check;
    this.#check = undefined;
    if (this.isOpen) check?.(this.#hasPeerEnded);
  }

  /** The kernel takes nothing more until `flush`: what is written from now on is kept. */
  block(): void {
    this.#takes = false;
  }

  /** Everything kept is sent. */
  flush(): void {
    this.#takes = true;
    if (this.isFlushed) return;
    this.#isFlushed = true;
    this.handler.writable(this);
  }

  /** The peer takes nothing more. What was kept stays unsent. */
  failWrites(): void {
    if (this.isOpen) this.handler.writeFailed(this);
  }

  /** The connection breaks. */
  breakOff(): void {
    if (!this.isOpen) return;
    this.#close('gone');
    this.handler.gone(this);
  }

  #handOverUnread(): void {
    while (!this.isPaused && this.isOpen) {
      const next = this.#unread.shift();
      if (next === undefined) return;
      if (next === end) this.handler.ended(this);
      else this.#handOver(next);
    }
  }

  /** The bytes are in the middle of a buffer that is used again afterwards. */
  #handOver(bytes: Buffer): void {
    const lent = Buffer.concat([Buffer.from('QUIT'), bytes, Buffer.from('\r\n')]);
    this.handler.data(this, lent, 4, 4 + bytes.length);
    lent.fill('?');
  }

  #close(how: 'close' | 'reset' | 'gone'): void {
    if (!this.isOpen) return;
    this.wasFlushed = this.#isFlushed;
    this.closed = how;
    this.#unread = [];
  }
}
