/** The first place where a text is not JSON, and what is expected there. */
export interface JsonSlip {
  /** In characters from the beginning. */
  readonly at: number;
  readonly text: string;
}

/** Objects and lists in each other; more than anybody writes. */
const mostDepth = 100;

/** Whether somebody meant JSON: it begins as an object does. */
export function looksLikeJson(text: string): boolean {
  return /^\s*\{\s*("|\}|$)/.test(text);
}

/** Where a text that was meant as JSON is none; `undefined` where it is. */
export function jsonSlipIn(text: string): JsonSlip | undefined {
  try {
    const reader = new Reader(text);
    reader.value(0);
    reader.end();
    return undefined;
  } catch (thrown) {
    if (thrown instanceof Slip) return { at: thrown.at, text: thrown.message };
    throw thrown;
  }
}

class Slip extends Error {
  readonly at: number;

  constructor(at: number, text: string) {
    super(text);
    this.at = at;
  }
}

const word = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const string = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"/y;

/** Reads by the grammar of RFC 8259, and keeps nothing. */
class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): void {
    if (depth > mostDepth) this.#fail('expected less depth');
    this.#space();
    const char = this.#text[this.#at];
    if (char === '{') this.#members('}', depth);
    else if (char === '[') this.#members(']', depth);
    else if (char === '"') this.#string('a value');
    else if (!this.#take(word))
      this.#fail('expected a value: a text in double quotes, a number, true, false, {…} or […]');
  }

  end(): void {
    this.#space();
    if (this.#at < this.#text.length) this.#fail('expected nothing more');
  }

  #members(close: '}' | ']', depth: number): void {
    const opened = this.#at;
    this.#at += 1;
    this.#space();
    if (this.#text[this.#at] === close) {
      this.#at += 1;
      return;
    }
    for (;;) {
      if (close === '}') this.#key();
      this.value(depth + 1);
      this.#space();
      const char = this.#text[this.#at];
      if (char === undefined) this.#failAt(opened, `expected a "${close}" that ends what begins here`);
      if (char === close) {
        this.#at += 1;
        return;
      }
      if (char !== ',') this.#fail(`expected "," or "${close}" after a value`);
      this.#at += 1;
      this.#space();
      if (this.#text[this.#at] === close) this.#fail('expected another value after ","');
    }
  }

  #key(): void {
    this.#space();
    this.#string('a key in double quotes');
    this.#space();
    if (this.#text[this.#at] !== ':') this.#fail('expected ":" after a key');
    this.#at += 1;
  }

  #string(what: string): void {
    if (this.#text[this.#at] !== '"') this.#fail(`expected ${what}`);
    if (!this.#take(string))
      this.#failAt(this.#at, 'expected a text that ends with a double quote on its own line');
  }

  #space(): void {
    while (/[ \t\r\n]/.test(this.#text[this.#at] ?? '')) this.#at += 1;
  }

  #take(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found) this.#at += found[0].length;
    return found !== null;
  }

  /** What is there may be part of a secret: of a text only its quote is shown. */
  #fail(expected: string): never {
    const char = this.#text[this.#at];
    const got =
      char === undefined ? 'the end of the file' : /[{}[\],:"#]/.test(char) ? `"${char}"` : 'something else';
    throw new Slip(this.#at, `${expected}, got ${got === '"""' ? 'a double quote' : got}`);
  }

  #failAt(at: number, text: string): never {
    throw new Slip(at, text);
  }
}
