import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { SO_KEEPALIVE } from '../../../../src/os/abi.ts';
import { KeepAlive } from '../../../../src/relay/io/epoll/keep-alive.ts';

interface Dialled {
  readonly fd: number;
  readonly tag: number;
}

describe('KeepAlive', () => {
  const open = new Map<number, Dialled>();
  const probed: number[] = [];
  const sys = {
    setOption(fd: number, _level: number, option: number): number {
      if (option === SO_KEEPALIVE) probed.push(fd);
      return 0;
    },
  };
  function dialled(fd: number, tag = fd): Dialled {
    const socket = { fd, tag };
    open.set(fd, socket);
    return socket;
  }
  beforeEach(() => {
    open.clear();
    probed.length = 0;
  });
  const socketOf = (fd: number, tag: number): Dialled | undefined =>
    open.get(fd)?.tag === tag ? open.get(fd) : undefined;

  test('probes what outlives a heartbeat once, and nothing that is closed before', () => {
    const keepAlive = new KeepAlive(sys, socketOf);
    for (const fd of [1, 2, 3]) keepAlive.add(dialled(fd));
    keepAlive.beat();
    assert.deepEqual(probed, [], 'a whole heartbeat has not passed');
    open.delete(2);
    dialled(3, 33); // another socket with its descriptor
    keepAlive.beat();
    assert.deepEqual(probed, [1]);
    keepAlive.beat();
    assert.deepEqual(probed, [1]);
  });

  test('spreads a burst over several heartbeats and forgets none of it', () => {
    const keepAlive = new KeepAlive(sys, socketOf);
    for (let fd = 0; fd < 1200; fd += 1) keepAlive.add(dialled(fd));
    keepAlive.beat();
    const perHeartbeat: number[] = [];
    for (let beat = 0; beat < 4; beat += 1) {
      const before = probed.length;
      if (beat === 0) keepAlive.add(dialled(5000));
      keepAlive.beat();
      perHeartbeat.push(probed.length - before);
    }
    assert.deepEqual(perHeartbeat, [512, 512, 177, 0]);
    assert.equal(new Set(probed).size, 1201);
  });
});
