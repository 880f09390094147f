import { createHmac, randomBytes } from 'node:crypto';

/** Known to nobody and gone with the process: under it a mark tells nothing of the value that it stands for. */
const markKey = randomBytes(32);

const redacted = '[redacted]';

/**
 * A password or a private key. However it is printed, as text, as JSON or by `console.log`, it says `[redacted]`; only
 * `reveal()` gives the value, and that is called where it goes to the server it is for, and nowhere else.
 */
export class Secret {
  readonly #value: string;
  /** The same for equal values, so that two configurations can be compared without their secrets. */
  readonly mark: string;

  constructor(value: string) {
    this.#value = value;
    this.mark = createHmac('sha256', markKey).update(value).digest('hex').slice(0, 16);
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return redacted;
  }

  toJSON(): string {
    return redacted;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return redacted;
  }
}

/**
 * What is said of a password whatever it is, by servers (redis 7.0.15, acl.c and server.c; Redis 5, server.c) and, of their
 * answers, by us: nothing is repeated there, and to hide a word of it would tell what the secret is.
 */
const usualWords =
  /(invalid username-password pair|ERR invalid password|AUTH <password> called without any password configured|but no password is set|no password is set|it asks for a password, set sentinel\.password or sentinel\.passwordFile)/;

/**
 * The words of a server without a secret that it may repeat. One is repeated as a whole word: a part of a longer one that is
 * hidden would break the sentence, and tell as much.
 */
export function withoutSecret(text: string, secret: string): string {
  if (secret === '') return text;
  const literal = secret.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  const repeated = new RegExp(`(?<![\\p{L}\\p{N}_.-])${literal}(?![\\p{L}\\p{N}_-]|\\.[\\p{L}\\p{N}])`, 'gu');
  // Every other part is what the pattern has found.
  const parts = text.split(usualWords);
  return parts.map((part, index) => (index % 2 === 1 ? part : part.replace(repeated, redacted))).join('');
}

/** Who we are to a server that asks. */
export interface Credentials {
  /** `undefined`: the user `default`, as before Redis 6. */
  readonly username: string | undefined;
  readonly password: Secret;
}

/** The words with which a client makes itself known: `AUTH password`, or `AUTH username password` since Redis 6. */
export function authCommand({ username, password }: Credentials): readonly string[] {
  return username === undefined ? ['AUTH', password.reveal()] : ['AUTH', username, password.reveal()];
}
