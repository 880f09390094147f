import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { eventually } from '../../support/index.ts';
import { it } from './it.ts';
import { spokenTls, Upstream, type Peer } from './peer.ts';
import { Rig, type EngineUnderTest } from './rig.ts';
import { stalled } from './stalled.ts';

const megabyte = 1024 * 1024;

export function describeCarrying(engine: EngineUnderTest): void {
  describe('carrying', () => {
    it('carries a reply sent after the client half-closed', async () => {
      await using upstream = await Upstream.start();
      await using rig = await Rig.open(engine);
      rig.serve(upstream.port);
      const client = await rig.connect();
      client.send('PING\r\n');
      client.end();
      const peer = await upstream.peer();
      assert.equal(await peer.ended(), 'fin');
      await new Promise((resolve) => setTimeout(resolve, 200));
      peer.send('+PONG\r\n');
      await client.says('+PONG\r\n');
      peer.end();
      assert.equal(await client.ended(), 'fin');
      await rig.endedBy('downstream', 1);
      await rig.counts({ open: 0, upstreamBytes: 6, downstreamBytes: 7 });
    });

    it('carries what a client sends after the server half-closed', async () => {
      await using upstream = await Upstream.start();
      await using rig = await Rig.open(engine);
      rig.serve(upstream.port);
      const client = await rig.connect();
      const peer = await upstream.peer();
      peer.send('bye');
      peer.end();
      assert.equal(await client.ended(), 'fin');
      assert.equal(client.text, 'bye');
      client.send('one more');
      await peer.says('one more');
      client.end();
      assert.equal(await peer.ended(), 'fin');
      await rig.endedBy('upstream', 1);
    });

    it('passes the last words of a server that resets on', async () => {
      await using upstream = await Upstream.start((peer) => {
        peer.socket.write('-ERR max number of clients reached\r\n', () => {
          setTimeout(() => {
            peer.reset();
          }, 200);
        });
      });
      await using rig = await Rig.open(engine);
      rig.serve(upstream.port);
      const client = await rig.connect();
      client.send('PING\r\n');
      await client.ended();
      assert.equal(client.text, '-ERR max number of clients reached\r\n');
      await client.close();
      await rig.endedBy('upstream', 1);
    });

    it('ends the server side of a client that resets', async () => {
      await using upstream = await Upstream.start();
      await using rig = await Rig.open(engine);
      rig.serve(upstream.port);
      const client = await rig.connect();
      const peer = await upstream.peer();
      client.reset();
      await peer.ended();
      await peer.close();
      await rig.endedBy('downstream', 1);
    });

    it('slows a server down to a client that does not read, and loses nothing', async () => {
      const total = 200 * megabyte;
      const source = new Source(total);
      await using upstream = await Upstream.start((peer) => {
        source.pour(peer);
      });
      await using rig = await Rig.open(engine);
      rig.serve(upstream.port);
      const sink = new Sink();
      const client = await rig.connect((_, chunk) => {
        sink.take(chunk);
      });
      client.send('GET big\r\n');
      await eventually(() => sink.received > 0);
      client.socket.pause();
      const rssBefore = process.memoryUsage.rss();
      const stalledAt = await stalled(() => source.sent);
      assert.ok(stalledAt < 64 * megabyte, `the server went on to ${stalledAt} bytes`);
      const grownBy = process.memoryUsage.rss() - rssBefore;
      assert.ok(grownBy < 48 * megabyte, `resident memory grew by ${grownBy} bytes`);
      client.socket.resume();
      await eventually(() => sink.received === total, { withinMs: 80_000 });
      assert.equal(sink.isInOrder, true);
      await rig.counts({ downstreamBytes: total });
    });

    it('slows a client down to a server that does not read, and loses nothing', async () => {
      const total = 200 * megabyte;
      const sink = new Sink();
      await using upstream = await Upstream.start((_, chunk) => {
        sink.take(chunk);
      });
      await using rig = await Rig.open(engine);
      rig.serve(upstream.port);
      const client = await rig.connect();
      const peer = await upstream.peer();
      peer.socket.pause();
      const source = new Source(total);
      source.pour(client);
      const stalledAt = await stalled(() => source.sent);
      assert.ok(stalledAt < 64 * megabyte, `the client went on to ${stalledAt} bytes`);
      peer.socket.resume();
      await eventually(() => sink.received === total, { withinMs: 80_000 });
      assert.equal(sink.isInOrder, true);
      await rig.counts({ upstreamBytes: total });
    });

    it('carries replies while the other direction is blocked', async () => {
      await using upstream = await Upstream.start();
      await using rig = await Rig.open(engine);
      rig.serve(upstream.port);
      const client = await rig.connect();
      const peer = await upstream.peer();
      peer.socket.pause();
      const source = new Source(100 * megabyte);
      source.pour(client);
      await stalled(() => source.sent);
      peer.send('+still here\r\n');
      await client.says('+still here\r\n');
    });

    // A handshake costs so much that a thousand of them would not be done within their deadline.
    const crowd = spokenTls() ? 100 : 1000;
    it(`serves ${crowd} connections at once, and cuts them in one go`, async () => {
      await using upstream = await Upstream.echo();
      await using rig = await Rig.open(engine);
      rig.serve(upstream.port, 1);
      const clients = await Promise.all(Array.from({ length: crowd }, () => rig.connect()));
      for (const [index, client] of clients.entries()) client.send(`hello ${index}.`);
      await eventually(
        () => clients.every(({ text }, index) => text === `hello ${index}.`), // one look for all: polls cost
        { withinMs: 60_000 },
      );
      await rig.counts({ open: crowd, held: 0 });
      rig.hold(2);
      const { cut } = await rig.event('steered', 1);
      assert.equal(cut, crowd);
      await eventually(() => [...clients, ...upstream.peers].every(({ ending }) => ending !== undefined));
      await rig.counts({ open: 0 });
      await rig.endedBy('evicted', crowd);
    });
  });
}

/** Sends numbered words, as fast as they are taken. */
class Source {
  sent = 0;
  readonly #total: number;

  constructor(total: number) {
    this.#total = total;
  }

  pour(peer: Peer): void {
    const { socket } = peer;
    const go = (): void => {
      while (this.sent < this.#total) {
        const words = new Uint32Array(Math.min(16_384, (this.#total - this.sent) / 4));
        for (let index = 0; index < words.length; index += 1) words[index] = this.sent + index * 4;
        this.sent += words.byteLength;
        if (!socket.write(new Uint8Array(words.buffer))) return;
      }
    };
    socket.on('drain', go);
    go();
  }
}

/** Checks the words of a source as they come, in whatever pieces. */
class Sink {
  received = 0;
  isInOrder = true;

  take(chunk: Buffer): void {
    // One whole word of each piece tells whether the piece stands where it belongs.
    const skip = (4 - (this.received % 4)) % 4;
    if (chunk.length >= skip + 4 && chunk.readUInt32LE(skip) !== this.received + skip) this.isInOrder = false;
    this.received += chunk.length;
  }
}
