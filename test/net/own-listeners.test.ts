import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OwnListeners } from '../../src/net/own-listeners.ts';
import { unresolvable } from '../support/index.ts';

test('a host name that is not known fails as one that is not known, and ends nothing', async () => {
  const own = new OwnListeners(() => [{ kind: 'tcp', host: '127.0.0.1', port: 6379 }]);
  const look = (name: string, port: number): Promise<unknown> =>
    new Promise((resolve) => {
      own.lookupFor(port)(name, {}, (error, address) => {
        resolve(error?.code ?? address);
      });
    });
  // RFC 6761, 6.4: nobody ever has a name under "invalid".
  assert.match(String(await look(unresolvable, 6379)), /^(ENOTFOUND|EAI_AGAIN)$/);
  assert.equal(await look('127.0.0.1', 6379), 'that is this tunnel itself');
  assert.equal(await look('127.0.0.1', 6380), '127.0.0.1');
});
