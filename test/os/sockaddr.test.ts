import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { layoutOf } from '../../src/os/abi.ts';
import { inetAddress, portOf, unixAddress } from '../../src/os/sockaddr.ts';

function hex(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString('hex');
}

describe('inetAddress()', () => {
  const families: readonly (readonly [string, string])[] = [
    ['127.0.0.1', '020018eb7f0000010000000000000000'],
    ['::1', '0a0018eb00000000' + '00000000000000000000000000000001' + '00000000'],
    ['::', '0a0018eb00000000' + '00000000000000000000000000000000' + '00000000'],
    ['2001:db8::8:800:200c:417a', '0a0018eb00000000' + '20010db80000000000080800200c417a' + '00000000'],
    ['fe80::1%3', '0a0018eb00000000' + 'fe800000000000000000000000000001' + '03000000'],
    ['::ffff:10.0.0.7', '0a0018eb00000000' + '00000000000000000000ffff0a000007' + '00000000'],
    ['1:2:3:4:5:6:7:8', '0a0018eb00000000' + '00010002000300040005000600070008' + '00000000'],
  ];
  for (const [ip, bytes] of families) {
    test(`lays ${ip} out as the kernel wants it`, () => {
      const address = inetAddress(ip, 6379);
      assert.ok(address);
      assert.equal(hex(address.bytes), bytes);
      assert.equal(portOf(address.bytes), 6379);
    });
  }

  test('leaves names to the resolver', () => {
    assert.equal(inetAddress('redis.example', 6379), undefined);
    assert.equal(inetAddress('', 6379), undefined);
  });
});

test('unixAddress() refuses a path that the kernel would cut short', () => {
  assert.equal(hex(unixAddress('/s')?.bytes), '01002f7300');
  assert.ok(unixAddress('x'.repeat(107)));
  assert.equal(unixAddress('x'.repeat(108)), undefined);
  assert.equal(unixAddress('ä'.repeat(54)), undefined);
  assert.equal(unixAddress('a\0b'), undefined);
});

test('layoutOf() knows that only x86-64 packs an event, and knows no other processor', () => {
  assert.deepEqual(layoutOf('x64'), { words: 3, dataWord: 1 });
  assert.deepEqual(layoutOf('arm64'), { words: 4, dataWord: 2 });
  assert.equal(layoutOf('mips'), undefined);
});
