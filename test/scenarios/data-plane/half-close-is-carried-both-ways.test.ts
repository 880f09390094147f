import assert from 'node:assert/strict';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { eventually, FakeSentinel, scenario, serveThrough } from '../../support/index.ts';

const role = '*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n';

scenario(
  'a reply that takes its time arrives after the client has half-closed, and the other way round',
  async () => {
    const sockets: Socket[] = [];
    // Answers ROLE at once; answers anything else only after the client's end has come.
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.push(socket);
      let asked = '';
      socket.on('error', () => socket.destroy());
      socket.on('data', (chunk) => {
        if (String(chunk).includes('ROLE')) socket.write(role);
        else asked += String(chunk);
        if (asked.startsWith('END')) {
          asked = asked.slice('END'.length);
          socket.end('+no more from here\r\n');
        }
      });
      socket.on('end', () => {
        if (!socket.writableEnded) setTimeout(() => socket.end(`+late reply to ${asked}\r\n`), 200);
        else if (asked !== '') sockets.push(Object.assign(socket, { late: asked }));
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const { port } = server.address() as AddressInfo; // of a listening TCP server
      await using sentinel = await FakeSentinel.start({ masters: { mymaster: { host: '127.0.0.1', port } } });
      await using tunnel = await serveThrough({ name: 'mymaster', seeds: [sentinel.seed] });

      await using client = await tunnel.connect('mymaster');
      client.write('request');
      client.end();
      assert.equal(await client.readReply(), 'late reply to request');
      assert.equal(await client.closed, 'fin');

      // The server ends first; what the client still has to say reaches it.
      const seenBefore = sockets.length;
      await using other = await tunnel.connect('mymaster');
      other.socket.removeAllListeners('end'); // the client of test/support would answer an end with its own
      other.write('END');
      assert.equal(await other.readReply(), 'no more from here');
      other.write('afterwards');
      other.end();
      await eventually(() =>
        sockets.slice(seenBefore).some((socket) => 'late' in socket && socket.late === 'afterwards'),
      );
    } finally {
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  },
);
