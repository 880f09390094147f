import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutSecret } from '../../src/net/secret.ts';

test('a secret that a server repeats is hidden where it is a whole word, whatever characters it has', () => {
  for (const [text, secret, shown] of [
    ['WRONGPASS hunter2 is wrong', 'hunter2', 'WRONGPASS [redacted] is wrong'],
    ["with args beginning with: 'a' 'hunter2'.", 'hunter2', "with args beginning with: 'a' '[redacted]'."],
    ['said a.b*c (d, and no axb*c', 'a.b*c (d', 'said [redacted], and no axb*c'],
    ['hunter22 is not hunter2', 'hunter2', 'hunter22 is not [redacted]'],
    ['ERR the password was: password', 'password', 'ERR the [redacted] was: [redacted]'],
  ] as const) {
    assert.equal(withoutSecret(text, secret), shown);
  }
});

test('a secret that is an ordinary word is not given away by hiding it in what is always said', () => {
  for (const text of [
    'WRONGPASS invalid username-password pair or user is disabled.',
    'ERR invalid password',
    'ERR Client sent AUTH, but no password is set',
    'it asks for a password, set sentinel.password or sentinel.passwordFile (NOAUTH Authentication required.)',
  ]) {
    assert.equal(withoutSecret(text, 'password'), text);
  }
});
