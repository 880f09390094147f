import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { endianness, platform } from 'node:os';
import { test } from 'node:test';
import { localPortFindings } from '../../../src/cli/doctor/find-ports.ts';
import { localPorts, remotesOf } from '../../../src/cli/doctor/local-ports.ts';
import { eventually, withoutLeaks } from '../../support/index.ts';

const onLinux = { skip: platform() === 'linux' ? false : 'connections are counted from /proc' };

test(
  'connections of this machine to a server are counted, by whichever family, and others are not',
  onLinux,
  async () => {
    await withoutLeaks(async () => {
      for (const host of ['127.0.0.1', '::1']) {
        const accepted: Socket[] = [];
        const server = createServer((socket) => accepted.push(socket));
        server.listen(0, host);
        await once(server, 'listening');
        const { port } = server.address() as AddressInfo;
        const sockets = Array.from({ length: 7 }, () => connect(port, host));
        await Promise.all(sockets.map((socket) => once(socket, 'connect')));
        await eventually(async () => (await localPorts([{ host, port }]))[0]?.connected === 7);
        const [towards, none] = await localPorts([
          { host, port },
          { host, port: port === 1 ? 2 : 1 },
        ]);
        assert.deepEqual([towards?.connected, none?.connected], [7, 0]);
        assert.ok((towards?.first ?? 0) < (towards?.last ?? 0));
        for (const socket of [...sockets, ...accepted]) socket.resetAndDestroy();
        server.close();
        await once(server, 'close');
      }
    });
  },
);

test('what does not resolve is not counted', onLinux, async () => {
  await withoutLeaks(async () => {
    assert.deepEqual(await localPorts([]), []);
  });
});

test(
  'an address is written as the kernel writes it',
  { skip: endianness() === 'LE' ? false : 'big endian' },
  () => {
    assert.deepEqual(remotesOf({ host: '127.0.0.1', port: 6379 }), [
      '0100007F:18EB',
      '0000000000000000FFFF00000100007F:18EB',
    ]);
    assert.deepEqual(remotesOf({ host: '::1', port: 80 }), ['00000000000000000000000001000000:0050']);
    assert.deepEqual(remotesOf({ host: '2001:db8::1:2', port: 80 }), [
      'B80D0120000000000000000002000100:0050',
    ]);
    assert.deepEqual(remotesOf({ host: 'redis.example', port: 80 }), []);
  },
);

test('less than a tenth of the local ports left is a finding, with what to do', () => {
  const endpoint = { host: '10.0.0.1', port: 6379 };
  const range = { first: 40_000, last: 40_099, isReused: false };
  const find = (connected: number, timeWait: number, isReused = false) =>
    localPortFindings({ localPorts: [{ endpoint, ...range, connected, timeWait, isReused }] });
  assert.deepEqual(find(90, 0), []);
  assert.deepEqual(find(40, 60, true), [], 'what is in TIME_WAIT is taken again');
  const [few] = find(31, 60);
  assert.equal(few?.code, 'local-ports-few');
  assert.equal(
    few.what,
    '9 of the 100 local ports are left for connections to 10.0.0.1:6379: 31 are connected, and 60 are in TIME_WAIT for up to a minute; without one a client cannot be served',
  );
  assert.match(few.remedy, /ip_local_port_range.*tcp_tw_reuse/);
});
