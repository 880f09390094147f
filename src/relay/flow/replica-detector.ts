/** Bytes of a connection that are looked at. What a replica sends before it asks for the stream is shorter. */
const mostBytes = 4096;
/** A replica may still ask for the stream after one of these: it sends some of them first, and libraries send the others. */
const openers: readonly string[] = ['PING', 'AUTH', 'HELLO', 'SELECT', 'CLIENT'];
/** Only a replica, or a program that acts as one, sends these. */
const replicating: readonly string[] = ['REPLCONF', 'PSYNC', 'SYNC'];
const longestName = 8;

const star = 0x2a;
const dollar = 0x24;
const carriageReturn = 0x0d;
const lineFeed = 0x0a;
const space = 0x20;
const zero = 0x30;
const lowerCase = 0x20;

/** What the beginning of a connection says: nothing yet, that the client is a replica, or that it is not. */
export type Finding = 'undecided' | 'replica' | 'other';

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
 * Says whether a client is a replica, by the beginning of what it sends, in whatever pieces that comes. Mostly the first command
 * decides; nothing behind that is looked at.
 */
export class ReplicaDetector {
  #state: State = 'command';
  #left = mostBytes;
  #number = 0;
  #arguments = 0;
  #name = '';
  /** Bytes of an argument, and of its end, that are passed over. */
  #skipped = 0;

  /** Looks at the next bytes. Not to be called again once the answer is not `undecided`. */
  look(bytes: Uint8Array, start: number, end: number): Finding {
    for (let at = start; at < end; at += 1) {
      if (this.#skipped > 0) {
        const passed = Math.min(this.#skipped, end - at);
        this.#skipped -= passed;
        this.#left -= passed;
        at += passed - 1;
      } else {
        this.#left -= 1;
        const found = this.#next(bytes[at] ?? 0);
        if (found !== 'undecided') return found;
      }
      if (this.#left <= 0) return 'other';
    }
    return 'undecided';
  }

  #next(byte: number): Finding {
    switch (this.#state) {
      case 'command':
        if (byte === star) this.#expectNumber('count');
        else if (!isBlank(byte)) return this.#inline(byte);
        return 'undecided';
      case 'count':
        if (byte !== lineFeed) return this.#digit(byte);
        this.#arguments = this.#number;
        this.#name = '';
        this.#state = this.#arguments === 0 ? 'command' : 'argument';
        return 'undecided';
      case 'argument':
        if (byte !== dollar) return 'other';
        this.#expectNumber('length');
        return 'undecided';
      case 'length':
        if (byte !== lineFeed) return this.#digit(byte);
        if (this.#name === '') {
          if (this.#number === 0 || this.#number > longestName) return 'other';
          this.#state = 'name';
        } else this.#passArgument(this.#number + 2);
        return 'undecided';
      case 'name':
        this.#name += letterOf(byte);
        return this.#name.length < this.#number ? 'undecided' : this.#named();
      case 'inline':
        return this.#inline(byte);
      case 'line':
        if (byte === lineFeed) this.#state = 'command';
        return 'undecided';
      default:
        return this.#state satisfies never;
    }
  }

  #inline(byte: number): Finding {
    if (!isBlank(byte)) {
      if (this.#state !== 'inline') this.#name = '';
      this.#state = 'inline';
      this.#name += letterOf(byte);
      return this.#name.length > longestName || !isLetter(byte) ? 'other' : 'undecided';
    }
    const found = kindOf(this.#name);
    this.#state = byte === lineFeed ? 'command' : 'line';
    return found;
  }

  #named(): Finding {
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

  #digit(byte: number): Finding {
    if (byte === carriageReturn) return 'undecided';
    if (byte < zero || byte > zero + 9) return 'other';
    this.#number = this.#number * 10 + byte - zero;
    return this.#number > mostBytes ? 'other' : 'undecided';
  }
}

function kindOf(name: string): Finding {
  if (replicating.includes(name)) return 'replica';
  return openers.includes(name) ? 'undecided' : 'other';
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
