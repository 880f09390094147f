/**
 * The first word of a reply that refuses a client. Client libraries decide by it whether to connect again; docs/errors.md has
 * what each of them does. Neither word makes a library believe that the server does not know HELLO.
 */
export const refusalWords = {
  /** It passes by itself. The word of Redis for a server that cannot serve yet: libraries take it for a broken connection. */
  later: 'LOADING',
  /** It passes only when somebody changes the configuration. The word of Redis for a client from where nobody may connect. */
  never: 'DENIED',
} as const;

/** What follows the first word, by which a tunnel is known to another, and to a person who reads the log of an application. */
export const refusalMark = 'sentinel-tunnel: ';

/** Whether the text of an error reply is the refusal of a tunnel: of this one, or of an older version, which began with `ERR`. */
export function isRefusal(text: string): boolean {
  const [word = '', ...rest] = text.split(' ');
  return /^[A-Z]+$/.test(word) && rest.join(' ').startsWith(refusalMark);
}
