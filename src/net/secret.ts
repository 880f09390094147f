import { createHmac, randomBytes } from 'node:crypto';

/** A random key of this process, so that a mark reveals nothing about its value. */
const markKey = randomBytes(32);

const redacted = '[redacted]';

/**
 * A password or a private key. As text, as JSON and in `console.log` it is `[redacted]`; only `reveal()` returns the value, and only the
 * code that sends it to its server calls that.
 */
export class Secret {
  readonly #value: string;
  /** Equal for equal values, so that configurations can be compared without their secrets. */
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
 * Fixed texts about passwords, of servers (redis 7.0.15, acl.c and server.c; Redis 5, server.c) and of the tunnel. They never repeat a
 * password, and hiding a word in them would reveal that it is the secret.
 */
const fixedTexts =
  /(invalid username-password pair|ERR invalid password|AUTH <password> called without any password configured|but no password is set|no password is set|it asks for a password, set sentinel\.password or sentinel\.passwordFile)/;

/**
 * Replaces a secret that a server repeats. Only whole words are replaced: a hole inside a longer word would break the sentence and reveal
 * as much.
 *
 * @returns the text without the secret
 */
export function withoutSecret(text: string, secret: string): string {
  if (secret === '') return text;
  const literal = secret.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  const repeated = new RegExp(`(?<![\\p{L}\\p{N}_.-])${literal}(?![\\p{L}\\p{N}_-]|\\.[\\p{L}\\p{N}])`, 'gu');
  // Every second part is a match of the pattern.
  const parts = text.split(fixedTexts);
  return parts.map((part, index) => (index % 2 === 1 ? part : part.replace(repeated, redacted))).join('');
}

/** User and password for a server. */
export interface Credentials {
  /** `undefined`: the user `default`, as before Redis 6. */
  readonly username: string | undefined;
  readonly password: Secret;
}

/** @returns the command `AUTH password`, or `AUTH username password` since Redis 6 */
export function authCommand({ username, password }: Credentials): readonly string[] {
  return username === undefined ? ['AUTH', password.reveal()] : ['AUTH', username, password.reveal()];
}
