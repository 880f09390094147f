import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readListenAddress } from '../../src/config/addresses.ts';
import { parseConfig } from '../../src/config/parse.ts';
import { assignSockets } from '../../src/os/handed-sockets.ts';

test('assignSockets() matches addresses first, then names, and gives each listener one socket', () => {
  const { databases } = parseConfig(
    {
      sentinels: ['a:1'],
      databases: [
        { name: 'one', listen: ['localhost:1', '[::1]:2'] },
        { name: 'two', listen: [3, 'unix:/run/two.sock'] },
      ],
    },
    'x',
  );
  const [one, two] = databases;
  const at = (fd: number, text: string | undefined, name = '') => ({
    fd,
    name,
    address: text === undefined ? undefined : readListenAddress(text),
  });
  const sockets = [
    at(3, '127.0.0.1:9', 'two'),
    at(4, '[::1]:2', 'two'),
    at(5, '127.0.0.1:1'),
    at(6, undefined, 'two'),
    at(7, '127.0.0.1:8', 'two'),
    at(8, '[::1]:2'),
  ];
  const { assigned, unused } = assignSockets(sockets, databases);
  assert.deepEqual(
    [...(one?.listen ?? []), ...(two?.listen ?? [])].map((listener) => assigned.get(listener)),
    [5, 4, 3, 6],
  );
  assert.deepEqual(
    unused.map(({ fd }) => fd),
    [7, 8],
  );
});
