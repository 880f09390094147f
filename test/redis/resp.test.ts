import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../support/properties.ts';
import { asMap, encodeCommand, ReplyDecoder, ReplyError, type Reply } from '../../src/redis/resp.ts';

const whole: readonly (readonly [string, Reply])[] = [
  ['+OK\r\n', 'OK'],
  ['+\r\n', ''],
  ['-NOAUTH Authentication required.\r\n', new ReplyError('NOAUTH Authentication required.')],
  [':-5679\r\n', -5679],
  ['$-1\r\n', null],
  ['$0\r\n\r\n', ''],
  ['$4\r\na\r\nb\r\n', 'a\r\nb'],
  ['$5\r\nm\u00fcnz\r\n', 'm\u00fcnz'],
  ['*-1\r\n', null],
  ['*0\r\n', []],
  ['*2\r\n$9\r\n127.0.0.1\r\n$5\r\n17001\r\n', ['127.0.0.1', '17001']],
  [
    '*3\r\n$6\r\nmaster\r\n:5679\r\n*1\r\n*3\r\n$3\r\n::1\r\n$5\r\n17002\r\n$1\r\n0\r\n',
    ['master', 5679, [['::1', '17002', '0']]],
  ],
];

test('ReplyDecoder reads every kind of reply, split at every byte', () => {
  for (const [raw, expected] of whole) {
    const bytes = Buffer.from(raw);
    for (let at = 0; at <= bytes.length; at += 1) {
      const decoder = new ReplyDecoder();
      const replies = [...decoder.push(bytes.subarray(0, at)), ...decoder.push(bytes.subarray(at))];
      assert.deepEqual(replies, [expected], `${JSON.stringify(raw)} split at ${String(at)}`);
    }
  }
});

test('ReplyDecoder returns a reply at its last byte and not before', () => {
  for (const [raw] of whole) {
    const decoder = new ReplyDecoder();
    assert.deepEqual(decoder.push(Buffer.from(raw).subarray(0, -1)), []);
  }
});

test('ReplyDecoder returns replies in order, however they are split', () => {
  const bytes = Buffer.from(whole.map(([raw]) => raw).join(''));
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 60 }), (sizes) => {
      const decoder = new ReplyDecoder();
      const replies: Reply[] = [];
      let at = 0;
      for (const size of [...sizes, bytes.length]) {
        replies.push(...decoder.push(bytes.subarray(at, at + size)));
        at = Math.min(at + size, bytes.length);
      }
      assert.deepEqual(
        replies,
        whole.map(([, reply]) => reply),
      );
    }),
    { numRuns: 200 },
  );
});

const refused: Readonly<Record<string, string>> = {
  'HTTP/1.1 400 Bad Request\r\n': 'byte 72',
  '\x00\xff': 'byte 0',
  '%1\r\n': 'byte 37', // RESP3, which was not asked for
  ':twelve\r\n': '"twelve" is not a number',
  ':1.5\r\n': 'is not a number',
  '$-2\r\n': 'is not a number',
  '*-2\r\n': 'is not a number',
  '$536870912\r\n': 'a string of 536870912 bytes is too long',
  '*1048576\r\n': 'more than 4096 elements',
  '*4096\r\n*4096\r\n': 'more than 4096 elements',
  '$2\r\nabc\r\n': 'a string does not end with CRLF',
  ['*1\r\n'.repeat(6)]: 'nested deeper',
};

test('ReplyDecoder refuses what is not RESP2, and says what is wrong', () => {
  for (const [raw, said] of Object.entries(refused)) {
    assert.throws(
      () => new ReplyDecoder().push(Buffer.from(raw, 'latin1')),
      (error) =>
        error instanceof Error &&
        'code' in error &&
        error.code === 'ST_REDIS_REPLY_INVALID' &&
        error.message.includes(said),
      raw,
    );
  }
});

test('ReplyDecoder keeps no more than its limit of an endless reply', () => {
  const endless: readonly (readonly [string, string])[] = [
    ['+', 'x'.repeat(1000)],
    [':', '1'.repeat(1000)],
    ['*4096\r\n', `$900\r\n${'x'.repeat(900)}\r\n`],
  ];
  for (const [head, more] of endless) {
    const decoder = new ReplyDecoder();
    decoder.push(Buffer.from(head));
    let pushed = head.length;
    assert.throws(() => {
      for (; pushed < 10_000_000; pushed += more.length) decoder.push(Buffer.from(more));
    }, /longer than 65536 bytes|does not end/);
    assert.ok(pushed <= 64 * 1024 + more.length, `${String(pushed)} bytes were taken`);
  }
});

test('ReplyDecoder turns any bytes into replies or its own error, and throws no other', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.stringMatching(/^[-+:$*0-9\r\n]{0,60}$/).map((text) => Buffer.from(text)),
  );
  fc.assert(
    fc.property(fc.array(bytes, { maxLength: 5 }), (chunks) => {
      const decoder = new ReplyDecoder();
      try {
        for (const chunk of chunks) decoder.push(Buffer.from(chunk));
      } catch (error) {
        assert.ok(error instanceof Error && 'code' in error && error.code === 'ST_REDIS_REPLY_INVALID');
      }
    }),
    { numRuns: 2000 },
  );
});

test('ReplyError has a code and a bounded text', () => {
  assert.equal(new ReplyError('NOPERM no').code, 'NOPERM');
  assert.equal(new ReplyError('x'.repeat(5000)).text.length, 201);
});

test('encodeCommand() counts bytes, not characters', () => {
  assert.equal(encodeCommand(['GET', 'm\u00fcnz']), '*2\r\n$3\r\nGET\r\n$5\r\nm\u00fcnz\r\n');
});

test('asMap() pairs names and values, and leaves out what is not a string', () => {
  assert.deepEqual(
    [...asMap(['a', '1', 'b', 2, 'c', '3', 'odd'])],
    [
      ['a', '1'],
      ['c', '3'],
    ],
  );
  assert.deepEqual([...asMap(null)], []);
  assert.deepEqual([...asMap(new ReplyError('ERR'))], []);
});
