/** How far into a connection is looked. Nothing that a replica sends before it asks for the stream is that long. */
const mostBytes = 4096;
/** After one of these a replica may still ask for the stream: what it sends before that, and what a library greets with. */
const openers: readonly string[] = ['PING', 'AUTH', 'HELLO', 'SELECT', 'CLIENT'];
/** Nobody but a replica, or what takes the part of one, sends these. */
const replicating: readonly string[] = ['REPLCONF', 'PSYNC', 'SYNC'];
const longestName = 8;

const star = 0x2a;
const dollar = 0x24;
const carriageReturn = 0x0d;
const lineFeed = 0x0a;
const space = 0x20;
const zero = 0x30;
const lowerCase = 0x20;

/** What the beginning of a connection says: nothing yet, that it is a replica's, or that it is anything else. */
export type Openness = 'open' | 'replication' | 'ordinary';

type State =
  /** Before a command. */
  | 'command'
  /** In the number of its arguments. */
  | 'count'
  /** Before the length of an argument, and in it. */
  | 'argument'
  | 'length'
  /** In the name of a command, which is its first argument. */
  | 'name'
  /** In the name of a command without lengths, as typed by hand and sent by Redis before 3.2 to its master. */
  | 'inline'
  /** In what follows it on its line. */
  | 'line';

/**
 * The beginning of what a client sends, in whatever pieces it comes: looked at until a command says what kind of client it
 * is, which mostly the first one does. What comes after that is never looked at.
 */
export class Opening {
  #state: State = 'command';
  #left = mostBytes;
  #number = 0;
  #arguments = 0;
  #name = '';
  /** Bytes of an argument, and of its end, that are passed over. */
  #skipped = 0;

  /** Looks at the next bytes. To be asked no more once the answer is another one than `open`. */
  look(bytes: Uint8Array, from: number, to: number): Openness {
    for (let at = from; at < to; at += 1) {
      if (this.#skipped > 0) {
        const passed = Math.min(this.#skipped, to - at);
        this.#skipped -= passed;
        this.#left -= passed;
        at += passed - 1;
      } else {
        this.#left -= 1;
        const found = this.#next(bytes[at] ?? 0);
        if (found !== 'open') return found;
      }
      if (this.#left <= 0) return 'ordinary';
    }
    return 'open';
  }

  #next(byte: number): Openness {
    switch (this.#state) {
      case 'command':
        if (byte === star) this.#expectNumber('count');
        else if (!isBlank(byte)) return this.#inline(byte);
        return 'open';
      case 'count':
        if (byte !== lineFeed) return this.#digit(byte);
        this.#arguments = this.#number;
        this.#name = '';
        this.#state = this.#arguments === 0 ? 'command' : 'argument';
        return 'open';
      case 'argument':
        if (byte !== dollar) return 'ordinary';
        this.#expectNumber('length');
        return 'open';
      case 'length':
        if (byte !== lineFeed) return this.#digit(byte);
        if (this.#name === '') {
          if (this.#number === 0 || this.#number > longestName) return 'ordinary';
          this.#state = 'name';
        } else this.#passArgument(this.#number + 2);
        return 'open';
      case 'name':
        this.#name += letterOf(byte);
        return this.#name.length < this.#number ? 'open' : this.#named();
      case 'inline':
        return this.#inline(byte);
      case 'line':
        if (byte === lineFeed) this.#state = 'command';
        return 'open';
      default:
        return this.#state satisfies never;
    }
  }

  #inline(byte: number): Openness {
    if (!isBlank(byte)) {
      if (this.#state !== 'inline') this.#name = '';
      this.#state = 'inline';
      this.#name += letterOf(byte);
      return this.#name.length > longestName || !isLetter(byte) ? 'ordinary' : 'open';
    }
    const found = kindOf(this.#name);
    this.#state = byte === lineFeed ? 'command' : 'line';
    return found;
  }

  #named(): Openness {
    this.#passArgument(2);
    return kindOf(this.#name);
  }

  /** Passes over what is left of an argument; behind the last one comes the next command. */
  #passArgument(bytes: number): void {
    this.#skipped = bytes;
    this.#arguments -= 1;
    this.#state = this.#arguments === 0 ? 'command' : 'argument';
  }

  #expectNumber(state: 'count' | 'length'): void {
    this.#number = 0;
    this.#state = state;
  }

  #digit(byte: number): Openness {
    if (byte === carriageReturn) return 'open';
    if (byte < zero || byte > zero + 9) return 'ordinary';
    this.#number = this.#number * 10 + byte - zero;
    return this.#number > mostBytes ? 'ordinary' : 'open';
  }
}

function kindOf(name: string): Openness {
  if (replicating.includes(name)) return 'replication';
  return openers.includes(name) ? 'open' : 'ordinary';
}

function isBlank(byte: number): boolean {
  return byte === space || byte === carriageReturn || byte === lineFeed || byte === 0x09;
}

function isLetter(byte: number): boolean {
  const lower = byte | lowerCase;
  return lower >= 0x61 && lower <= 0x7a;
}

/** In upper case, as names of commands have no case. */
function letterOf(byte: number): string {
  return String.fromCharCode(isLetter(byte) ? byte & ~lowerCase : byte);
}
