import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { LookupResult } from '../../src/net/look-up.ts';
import { Names, type Resolver } from '../../src/net/names.ts';
import { eventually } from '../support/index.ts';

/** Answers when the test wants. */
class Asked implements Resolver {
  readonly names: string[] = [];
  isClosed = false;
  readonly #answers = new Map<string, (result: LookupResult) => void>();

  ask(name: string, answer: (result: LookupResult) => void): void {
    assert.ok(!this.#answers.has(name), `${name} is looked up already`);
    this.names.push(name);
    this.#answers.set(name, answer);
  }

  say(name: string, result: LookupResult): void {
    const answer = this.#answers.get(name);
    this.#answers.delete(name);
    answer?.(result);
  }

  close(): void {
    this.isClosed = true;
  }
}

function setUp(): { asked: Asked; names: Names; find: (name: string) => Promise<LookupResult> } {
  const asked = new Asked();
  const names = new Names(asked);
  const find = (name: string): Promise<LookupResult> =>
    new Promise((resolve) => {
      names.find(name, resolve);
    });
  return { asked, names, find };
}

describe('Names', () => {
  test('asks once for all who want a name at the same time, and again for those who come later', async () => {
    const { asked, find } = setUp();
    const [one, other] = [find('a.test'), find('a.test')];
    assert.deepEqual(asked.names, ['a.test']);
    asked.say('a.test', ['192.0.2.1']);
    assert.deepEqual(await Promise.all([one, other]), [['192.0.2.1'], ['192.0.2.1']]);
    const later = find('a.test');
    asked.say('a.test', ['192.0.2.2']);
    assert.deepEqual(await later, ['192.0.2.2']);
  });

  test('asks for no address, and for nothing that is too long to be a name', async () => {
    const { asked, find } = setUp();
    assert.deepEqual(await find('192.0.2.1'), ['192.0.2.1']);
    assert.deepEqual(await find('2001:db8::1'), ['2001:db8::1']);
    assert.equal(await find('a'.repeat(255)), 'ENOTFOUND');
    assert.deepEqual(asked.names, []);
  });

  test('gives the last good addresses while an answer is late, and what comes late to those who come later', async () => {
    const { asked, find } = setUp();
    const first = find('a.test');
    asked.say('a.test', ['192.0.2.1']);
    await first;
    assert.deepEqual(await find('a.test'), ['192.0.2.1']); // nobody has answered
    assert.deepEqual(await find('a.test'), ['192.0.2.1']);
    assert.deepEqual(asked.names, ['a.test', 'a.test']);
    asked.say('a.test', ['192.0.2.2']);
    const next = find('a.test');
    assert.deepEqual(await next, ['192.0.2.2']); // late again
  });

  test('gives the last good addresses of a name that cannot be looked up now, and none of one that is gone', async () => {
    const { asked, find } = setUp();
    const answers = ['EAI_AGAIN', ['192.0.2.1'], 'EAI_AGAIN', 'EAI_FAIL', 'ENOTFOUND', 'EAI_AGAIN'];
    const given: LookupResult[] = [];
    for (const answer of answers) {
      const result = find('a.test');
      asked.say('a.test', answer);
      given.push(await result);
    }
    assert.deepEqual(given, [
      'EAI_AGAIN',
      ['192.0.2.1'],
      ['192.0.2.1'],
      ['192.0.2.1'],
      'ENOTFOUND',
      'EAI_AGAIN',
    ]);
  });

  test('keeps the addresses of so many names and no more, those that were looked up last', async () => {
    const { asked, find } = setUp();
    const look = async (name: string, said: LookupResult): Promise<LookupResult> => {
      const result = find(name);
      asked.say(name, said);
      return await result;
    };
    for (let index = 0; index <= 1_024; index += 1) {
      await look(`n${String(index)}.test`, ['192.0.2.1']);
      await look('a.test', index === 0 ? ['192.0.2.2'] : 'EAI_AGAIN');
    }
    assert.equal(await look('n0.test', 'EAI_AGAIN'), 'EAI_AGAIN');
    assert.deepEqual(await look('a.test', 'EAI_AGAIN'), ['192.0.2.2']);
    assert.deepEqual(await look('n1024.test', 'EAI_AGAIN'), ['192.0.2.1']);
  });

  test('gives an address to bind, or an error with a code', async () => {
    const { asked, names } = setUp();
    const bound = names.addressOf('a.test');
    asked.say('a.test', ['192.0.2.1', '192.0.2.2']);
    assert.equal(await bound, '192.0.2.1');
    const unbound = names.addressOf('b.test');
    asked.say('b.test', 'ENOTFOUND');
    await assert.rejects(unbound, { code: 'ENOTFOUND', message: 'getaddrinfo ENOTFOUND b.test' });
    await assert.rejects(names.addressOf('c.test'), { code: 'EAI_AGAIN' }); // nobody has answered
  });

  test('closes what looks names up when its last user has left', () => {
    const { asked, names } = setUp();
    const [one, other] = [names.use(), names.use()];
    one();
    one();
    assert.ok(!asked.isClosed);
    other();
    assert.ok(asked.isClosed);
  });

  test('answers everybody although one of them asks again at once', async () => {
    const { asked, find, names } = setUp();
    let again: LookupResult | undefined;
    names.find('a.test', () => {
      names.find('a.test', (result) => (again = result));
    });
    const other = find('a.test');
    asked.say('a.test', ['192.0.2.1']);
    assert.deepEqual(await other, ['192.0.2.1']);
    asked.say('a.test', ['192.0.2.2']);
    assert.deepEqual(await eventually(() => again), ['192.0.2.2']);
  });
});
