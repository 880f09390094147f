/** The longest event, in characters; anything longer is no event of the tunnel. */
const mostPending = 4 * 1024 * 1024;

/**
 * Reads server-sent events as they arrive. EventSource cannot send a token.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export class StreamReader {
  readonly #receive: (kind: string, text: string) => void;
  #pending = '';

  constructor(receive: (kind: string, text: string) => void) {
    this.#receive = receive;
  }

  /** @throws Error if an event is too long */
  take(chunk: string): void {
    const frames = (this.#pending + chunk).split('\n\n');
    this.#pending = frames.pop() ?? '';
    if (this.#pending.length > mostPending) throw new Error('The event is too long');
    for (const frame of frames) this.#read(frame);
  }

  #read(frame: string): void {
    let kind = 'message';
    const lines: string[] = [];
    for (const line of frame.split('\n')) {
      // Not by a pattern: its `.` would stop at U+2028, which JSON may hold as it is.
      const colon = line.indexOf(':');
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
      if (field === 'event') kind = value;
      if (field === 'data') lines.push(value);
    }
    if (lines.length > 0) this.#receive(kind, lines.join('\n'));
  }
}
