import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { suspectWords } from '../../../src/relay/flow/flow.ts';
import { endsInQuit } from '../../../src/relay/flow/quit.ts';
import { suspectWordAt } from '../../../src/relay/flow/suspect-reply.ts';

function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}

describe('suspectWordAt()', () => {
  const wordOf = (text: string): string | undefined => suspectWordAt(bytesOf(text), 0, text.length);

  for (const word of suspectWords) {
    it(`finds ${word} at the head of an error, and in no other place`, () => {
      assert.equal(wordOf(`-${word} and why\r\n`), word);
      assert.equal(wordOf(`-${word}`), word);
      for (const text of [
        word,
        `+${word}\r\n`,
        `-ERR ${word}\r\n`,
        `-${word.slice(0, -1)}`,
        `-${word.toLowerCase()}\r\n`,
        `$20\r\n-${word}\r\n`,
      ])
        assert.equal(wordOf(text), undefined, text);
    });

    it(`finds ${word} only within its bounds`, () => {
      const bytes = bytesOf(`+OK\r\n-${word}\r\n`);
      assert.equal(suspectWordAt(bytes, 5, bytes.length), word);
      assert.equal(suspectWordAt(bytes, 5, 5 + word.length + 1), word);
      assert.equal(suspectWordAt(bytes, 5, 5 + word.length), undefined);
      assert.equal(suspectWordAt(bytes, 0, bytes.length), undefined);
      assert.equal(suspectWordAt(bytes, 5, 5), undefined);
    });
  }

  it('suspects nobody for another error', () => {
    for (const text of ['', '-', '-ERR unknown command\r\n', '-NOAUTH\r\n', '-MOVED 1 10.0.0.1:6379\r\n'])
      assert.equal(wordOf(text), undefined, text);
  });
});

describe('endsInQuit()', () => {
  const isQuit = (text: string): boolean => endsInQuit(bytesOf(text), 0, text.length);

  it('finds QUIT at the end of a request, however it is written', () => {
    for (const text of [
      '*1\r\n$4\r\nQUIT\r\n',
      '*1\r\n$4\r\nquit\r\n',
      'QUIT\r\n',
      'Quit\r\n',
      '*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nQuIt\r\n',
    ])
      assert.equal(isQuit(text), true, text);
  });

  it('finds it in no other place', () => {
    for (const text of [
      '',
      'QUIT',
      'UIT\r\n',
      '*1\r\n$4\r\nQUIT\r\n*1\r\n$4\r\nPING\r\n',
      '*2\r\n$4\r\nECHO\r\n$5\r\nQUITS\r\n',
      '*1\r\n$4\r\nPING\r\n',
      'QXIT\r\n',
    ])
      assert.equal(isQuit(text), false, text);
  });

  it('looks only within its bounds', () => {
    const bytes = bytesOf('QUIT\r\nPING\r\nQUIT\r\n');
    assert.equal(endsInQuit(bytes, 0, 6), true);
    assert.equal(endsInQuit(bytes, 1, 6), false, 'its first letter is out of them');
    assert.equal(endsInQuit(bytes, 0, 12), false);
    assert.equal(endsInQuit(bytes, 12, 18), true);
    assert.equal(endsInQuit(bytes, 0, 3), false);
  });
});
