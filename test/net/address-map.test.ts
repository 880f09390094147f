import assert from 'node:assert/strict';
import { it } from 'node:test';
import { settleAddressMap } from '../../src/config/address-map.ts';
import type { ListenAddress } from '../../src/net/endpoint.ts';
import { mapEndpoint } from '../../src/net/address-map.ts';
import { OwnListeners } from '../../src/net/own-listeners.ts';
import { announcedEndpoint } from '../../src/sentinel/announced.ts';
import { readAnnouncement, readAnswer, readSentinels } from '../../src/sentinel/words.ts';

const map = settleAddressMap({
  '172.18.0.0/16': 'gateway.example',
  '172.18.5.0/24': '10.0.0.5:7000',
  '172.18.5.9': '10.0.0.9',
  '172.18.5.9:6380': '[fd00::9]:7380',
  'redis-1': '127.0.0.1:7001',
  'fd00:0::1': '[::1]:7002',
  '::/0': 'v6.example',
});

it('mapEndpoint() goes by the most specific key, and keeps the port where none is given', () => {
  for (const [host, port, expected] of [
    ['172.18.1.1', 6379, 'gateway.example 6379'],
    ['172.18.5.1', 6379, '10.0.0.5 7000'],
    ['172.18.5.9', 6379, '10.0.0.9 6379'],
    ['172.18.5.9', 6380, 'fd00::9 7380'],
    ['::ffff:172.18.5.9', 6380, 'fd00::9 7380'],
    ['Redis-1.', 6379, '127.0.0.1 7001'],
    ['fd00::1', 6379, '::1 7002'],
    ['fd00::2', 6379, 'v6.example 6379'],
    ['redis-2', 6379, 'redis-2 6379'],
    ['10.0.0.9', 6379, 'v6.example 6379'],
  ] as const) {
    const mapped = mapEndpoint(map, { host, port });
    assert.equal(`${mapped.host} ${String(mapped.port)}`, expected, host);
  }
  const plain = { host: 'redis-1', port: 6379 };
  assert.equal(mapEndpoint([], plain), plain);
});

it('answers, announcements and other Sentinels are all mapped by the one map', () => {
  assert.deepEqual(announcedEndpoint('redis-1', '6379', { map, isRemote: true }), {
    host: '127.0.0.1',
    port: 7001,
  });
  const answer = readAnswer(['redis-1', '6379'], null, { map, isRemote: true });
  assert.deepEqual(answer.kind === 'address' && answer.endpoint, { host: '127.0.0.1', port: 7001 });
  const payload = 'slave 172.18.5.9:6380 172.18.5.9 6380 @ mymaster redis-1 6379';
  const said = readAnnouncement('+failover-state-wait-promotion', payload, { map, isRemote: true });
  assert.deepEqual(said?.kind === 'promoting' && [said.candidate, said.master], [
    { host: 'fd00::9', port: 7380 },
    { host: '127.0.0.1', port: 7001 },
  ]);
  const [named] = readSentinels([['ip', '172.18.1.1', 'port', '26379', 'flags', 'sentinel']], {
    map,
    isRemote: true,
  });
  assert.deepEqual(named?.endpoint, { host: 'gateway.example', port: 26379 });
});

it('OwnListeners knows its own addresses, wildcards and all, and nobody else', () => {
  let listening: readonly ListenAddress[] = [
    { kind: 'tcp', host: '127.0.0.1', port: 1 },
    { kind: 'tcp', host: '0.0.0.0', port: 2 },
    { kind: 'tcp', host: '::', port: 3 },
    { kind: 'unix', path: '/run/s' },
  ];
  const own = new OwnListeners(() => listening);
  for (const [host, port, isOwn] of [
    ['127.0.0.1', 1, true],
    ['::ffff:127.0.0.1', 1, true],
    ['127.0.0.2', 1, false],
    ['127.0.0.1', 4, false],
    ['127.0.0.9', 2, true],
    ['::1', 2, false],
    ['::1', 3, true],
    ['127.0.0.1', 3, true],
    ['192.0.2.1', 3, false],
    ['redis.example', 1, false],
  ] as const)
    assert.equal(own.has({ host, port }), isOwn, `${host} ${String(port)}`);
  listening = [];
  assert.equal(own.has({ host: '127.0.0.1', port: 1 }), false);
});
