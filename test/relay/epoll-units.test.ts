import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { layoutOf, SO_KEEPALIVE } from '../../src/relay/io/epoll/abi.ts';
import { KeepAlive } from '../../src/relay/io/epoll/keep-alive.ts';
import { whyOwn } from '../../src/net/own-listeners.ts';
import { Resolver } from '../../src/relay/io/epoll/resolver.ts';
import { inetAddress, portOf, unixAddress } from '../../src/relay/io/epoll/sockaddr.ts';
import { roles, Socket } from '../../src/relay/io/epoll/socket.ts';
import { Steering } from '../../src/relay/io/epoll/steering.ts';
import type { TunnelEvent } from '../../src/relay/core/engine.ts';

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

test('Steering tells each steering when the last thread has carried it out, in order', () => {
  const told: TunnelEvent[] = [];
  const steering = new Steering(2, (event) => told.push(event));
  const steered = (generation: number, cut: number): TunnelEvent => ({
    kind: 'steered',
    generation,
    cut,
    held: 1,
    released: 2,
  });
  steering.told(steered(1, 3), 0);
  steering.told(steered(2, 0), 0);
  assert.deepEqual(told, []);
  steering.told(steered(1, 4), 1);
  assert.deepEqual(told, [{ kind: 'steered', generation: 1, cut: 7, held: 2, released: 4 }]);
  steering.told(steered(2, 1), 1);
  assert.equal(told.length, 2);
});

describe('KeepAlive', () => {
  const open = new Map<number, Socket>();
  const probed: number[] = [];
  const sys = {
    setOption(fd: number, _level: number, option: number): number {
      if (option === SO_KEEPALIVE) probed.push(fd);
      return 0;
    },
  };
  function dialled(fd: number, tag = fd): Socket {
    const socket = new Socket(fd, tag, roles.dialling, true);
    open.set(fd, socket);
    return socket;
  }
  beforeEach(() => {
    open.clear();
    probed.length = 0;
  });
  const socketOf = (fd: number, tag: number): Socket | undefined =>
    open.get(fd)?.tag === tag ? open.get(fd) : undefined;

  test('has what outlives a beat probed once, and nothing that is closed before', () => {
    const keepAlive = new KeepAlive(sys, socketOf);
    for (const fd of [1, 2, 3]) keepAlive.add(dialled(fd));
    keepAlive.beat();
    assert.deepEqual(probed, [], 'a whole beat has not gone by');
    open.delete(2);
    dialled(3, 33); // another socket with its descriptor
    keepAlive.beat();
    assert.deepEqual(probed, [1]);
    keepAlive.beat();
    assert.deepEqual(probed, [1]);
  });

  test('does a herd in several beats and forgets none of it', () => {
    const keepAlive = new KeepAlive(sys, socketOf);
    for (let fd = 0; fd < 1200; fd += 1) keepAlive.add(dialled(fd));
    keepAlive.beat();
    const perBeat: number[] = [];
    for (let beat = 0; beat < 4; beat += 1) {
      const before = probed.length;
      if (beat === 0) keepAlive.add(dialled(5000));
      keepAlive.beat();
      perBeat.push(probed.length - before);
    }
    assert.deepEqual(perBeat, [512, 512, 177, 0]);
    assert.equal(new Set(probed).size, 1201);
  });
});

test('Resolver has a host looked up once for all of its ports, and keeps the judgement on each', () => {
  const asked: string[] = [];
  const resolver = new Resolver((host) => asked.push(host));
  resolver.avoid([{ kind: 'tcp', host: '192.0.2.1', port: 2 }]);
  const found: string[] = [];
  const resolve = (host: string, port: number): void => {
    resolver.resolve({ host, port }, (result) => {
      found.push(typeof result === 'string' ? result : result.map(({ bytes }) => portOf(bytes)).join());
    });
  };
  resolve('a.test', 1);
  resolve('a.test', 1);
  resolve('a.test', 2);
  resolve('b.test', 1);
  assert.deepEqual(asked, ['a.test', 'b.test']);
  resolver.answered('a.test', ['192.0.2.1', '2001:db8::1']);
  assert.deepEqual(found, ['1,1', '1,1', whyOwn]);
  assert.notEqual(resolver.known({ host: 'a.test', port: 1 }), undefined);
  resolver.answered('b.test', 'EAI_AGAIN');
  assert.equal(found.at(-1), 'EAI_AGAIN');
  resolve('b.test', 1);
  assert.deepEqual(asked, ['a.test', 'b.test', 'b.test']);
});
