import assert from 'node:assert/strict';
import { BlockList } from 'node:net';
import { describe, it } from 'node:test';
import { fc } from '../support/properties.ts';
import { addressBytes, formatAddress, networkHolds, parseNetwork } from '../../src/net/network.ts';

describe('parseNetwork()', () => {
  const readable: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    [
      '10.0.0.0/8',
      ['10.0.0.0', '10.255.255.255', '::ffff:10.1.2.3'],
      ['11.0.0.0', '9.255.255.255', '::a00:1'],
    ],
    ['192.168.1.7', ['192.168.1.7'], ['192.168.1.6']],
    ['192.168.1.4/30', ['192.168.1.4', '192.168.1.7'], ['192.168.1.3', '192.168.1.8']],
    ['0.0.0.0/0', ['1.2.3.4', '255.255.255.255'], ['::1', 'fd00::1']],
    ['::/0', ['::1', '1.2.3.4'], []],
    ['fd00::/8', ['fd12::1', 'fdff:ffff::'], ['fe00::1', '10.0.0.1']],
    ['fe80::1', ['fe80::1', 'fe80::1%3'], ['fe80::2']],
    ['::ffff:10.0.0.0/104', ['10.9.9.9'], ['11.0.0.0']],
  ];
  for (const [text, inside, outside] of readable) {
    it(`reads ${text}`, () => {
      const network = parseNetwork(text);
      assert.ok(network);
      for (const ip of inside) assert.ok(networkHolds(network, bytesOf(ip)), ip);
      for (const ip of outside) assert.ok(!networkHolds(network, bytesOf(ip)), ip);
    });
  }

  it('refuses what is no network, or says more than its prefix keeps', () => {
    const slips = [
      '',
      '10.0.0.1/8',
      '10.0.0.0/33',
      'fd00::/129',
      'fd00::1/64',
      '10.0.0/8',
      'a.example',
      '10.0.0.0/',
    ];
    for (const text of [...slips, '10.0.0.0/-1', '/8', 'fe80::%3/64', '10.0.0.0/8/8'])
      assert.equal(parseNetwork(text), undefined, text);
  });

  it('holds the same addresses as the networks of Node', () => {
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.ipV4(),
        fc.ipV6(),
        fc.nat(128),
        fc.nat(128),
        (isV4, v4, v6, prefix, flip) => {
          const bits = isV4 ? prefix % 33 : prefix;
          const bytes = bytesOf(isV4 ? v4 : v6);
          const start = isV4 ? 96 : 0;
          const base = bytes.map((byte, index) => keepBits(byte, start + bits - index * 8));
          const text = isV4 ? base.subarray(12).join('.') : formatPlain(base);
          const network = parseNetwork(`${text}/${bits}`);
          assert.ok(network, text);
          const other = bytes.slice();
          const at = start + (flip % (128 - start));
          other[at >> 3] = (other[at >> 3] ?? 0) ^ (0x80 >> (at & 7));
          const list = new BlockList();
          list.addSubnet(text, bits, isV4 ? 'ipv4' : 'ipv6');
          for (const each of [bytes, other]) {
            const ip = isV4 ? each.subarray(12).join('.') : formatPlain(each);
            assert.equal(
              networkHolds(network, each),
              list.check(ip, isV4 ? 'ipv4' : 'ipv6'),
              `${ip} in ${text}/${bits}`,
            );
          }
        },
      ),
    );
  });
});

it('formatAddress() gives the one usual text of an address', () => {
  for (const [ip, text] of [
    ['10.0.0.7', '10.0.0.7'],
    ['::ffff:10.0.0.7', '10.0.0.7'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['2001:DB8::0:1', '2001:db8::1'],
  ] as const)
    assert.equal(formatAddress(bytesOf(ip)), text);
  assert.equal(addressBytes('redis.example'), undefined);
});

function bytesOf(ip: string): Uint8Array {
  const bytes = addressBytes(ip);
  assert.ok(bytes, ip);
  return bytes;
}

function keepBits(byte: number, bits: number): number {
  const kept = Math.min(8, Math.max(0, bits));
  return byte & (0xff00 >> kept) & 0xff;
}

function formatPlain(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('hex')
    .replace(/(.{4})(?=.)/g, '$1:');
}
