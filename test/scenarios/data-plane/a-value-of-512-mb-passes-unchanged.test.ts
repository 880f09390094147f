import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createConnection } from 'node:net';
import { once } from 'node:events';
import {
  FakeSentinel,
  lacksProc,
  RedisProcess,
  residentMiB,
  scenario,
  serveThrough,
} from '../../support/index.ts';

// The largest value that Redis takes by default: proto-max-bulk-len 512mb.
const bytes = 512 * 1024 * 1024;
const block = Buffer.alloc(1024 * 1024, 'the bytes of a value, which are nobody’s business; ');

scenario(
  'the largest value that Redis takes passes both ways unchanged, in bounded memory',
  { skip: lacksProc },
  async () => {
    await using redis = await RedisProcess.start();
    await using sentinel = await FakeSentinel.naming(redis);
    await using tunnel = await serveThrough({ name: 'mymaster', seeds: [sentinel.seed] });
    const before = await residentMiB(tunnel.pid);
    const sent = createHash('sha1');
    const socket = createConnection({ host: '127.0.0.1', port: tunnel.port('mymaster') });
    try {
      socket.write(`*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$${bytes}\r\n`);
      for (let written = 0; written < bytes; written += block.length) {
        sent.update(block);
        if (!socket.write(block)) await once(socket, 'drain');
      }
      socket.write('\r\n');
      const [reply] = (await once(socket, 'data')) as [Buffer]; // what 'data' gives
      assert.equal(String(reply), '+OK\r\n');

      socket.write('*2\r\n$3\r\nGET\r\n$3\r\nbig\r\n');
      const head = `$${bytes}\r\n`;
      const received = createHash('sha1');
      let seen = 0;
      for await (const chunk of socket as AsyncIterable<Buffer>) {
        const from = Math.max(0, head.length - seen);
        const to = Math.min(chunk.length, head.length + bytes - seen);
        if (to > from) received.update(chunk.subarray(from, to));
        seen += chunk.length;
        if (seen >= head.length + bytes + 2) break;
      }
      assert.equal(received.digest('hex'), sent.digest('hex'));
      const grown = (await residentMiB(tunnel.pid)) - before;
      // What the kernel does not take is copied, at most 1 MiB at a time; V8 collects such copies after some 64 MiB of them.
      assert.ok(grown < 128, `resident memory grew by ${grown.toFixed(1)} MiB`);
    } finally {
      socket.destroy();
    }
  },
);
