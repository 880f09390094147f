import assert from 'node:assert/strict';
import { it } from 'node:test';
import { readAddressMap } from '../../src/config/addresses.ts';
import type { ListenAddress } from '../../src/net/endpoint.ts';
import { mapEndpoint } from '../../src/net/address-map.ts';
import { OwnListeners } from '../../src/net/own-listeners.ts';
import { reportedEndpoint } from '../../src/redis/reported-address.ts';
import { readAnnouncement } from '../../src/sentinel/links/announcement.ts';
import { readAnswer, readSentinels } from '../../src/sentinel/links/answer.ts';

const map = readAddressMap({
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
  assert.deepEqual(reportedEndpoint('redis-1', '6379', { map, isRemote: true }), {
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

it('a rule may change the port alone, and the port of all servers counts where no rule names one', () => {
  const byPort = readAddressMap({
    '10.0.0.0/8': ':8385',
    '10.0.0.5': 'bastion.example',
    '10.0.0.6:6379': ':7000',
  });
  for (const [host, port, expected, withPort] of [
    ['10.1.1.1', 6379, '10.1.1.1 8385', '10.1.1.1 8385'],
    ['10.0.0.5', 6379, 'bastion.example 6379', 'bastion.example 6390'],
    ['10.0.0.6', 6379, '10.0.0.6 7000', '10.0.0.6 7000'],
    ['10.0.0.6', 6380, '10.0.0.6 8385', '10.0.0.6 8385'],
    ['192.0.2.1', 6379, '192.0.2.1 6379', '192.0.2.1 6390'],
  ] as const)
    for (const [given, wanted] of [
      [undefined, expected],
      [6390, withPort],
    ] as const) {
      const mapped = mapEndpoint(byPort, { host, port }, given);
      assert.equal(`${mapped.host} ${String(mapped.port)}`, wanted, `${host}:${String(port)}`);
    }
});

it('another Sentinel keeps its port where a rule gives the servers of its host or network another', () => {
  const byPort = readAddressMap({
    '10.0.0.0/8': ':8385',
    '10.0.0.5': ':8386',
    '10.0.0.6:26379': ':36379',
    '10.0.0.7': '10.9.0.7:46379',
  });
  const told = ['10.0.0.4', '10.0.0.5', '10.0.0.6', '10.0.0.7'].map((ip) => ['ip', ip, 'port', '26379']);
  const named = readSentinels(told, { map: byPort, isRemote: true, port: 6390 });
  assert.deepEqual(
    named.map(({ endpoint }) => `${endpoint.host}:${String(endpoint.port)}`),
    ['10.0.0.4:26379', '10.0.0.5:26379', '10.0.0.6:36379', '10.9.0.7:46379'],
  );
});

it('a loopback address of another host is no server of this one, whatever its port', () => {
  const byPort = readAddressMap({ '127.0.0.0/8': ':8385' });
  for (const map of [byPort, []])
    assert.equal(reportedEndpoint('127.0.0.1', '6379', { map, isRemote: true, port: 6390 }), undefined);
  const led = readAddressMap({ '127.0.0.1:6379': '127.0.0.1:7000' });
  assert.deepEqual(reportedEndpoint('127.0.0.1', '6379', { map: led, isRemote: true }), {
    host: '127.0.0.1',
    port: 7000,
  });
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
