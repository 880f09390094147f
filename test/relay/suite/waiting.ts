import { DrivenTunnel } from './driven-tunnel.ts';
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { it } from './it.ts';
import { eventually, patienceMs } from '../../support/index.ts';
import { Peer, Upstream } from './peer.ts';
import { defaultSpec, Rig, secured, type EngineUnderTest } from './rig.ts';

export function describeWaiting(engine: EngineUnderTest): void {
  describe('waiting', () => {
    it('refuses a session whose time runs out, with the reason it waited for', async () => {
      await using rig = await Rig.open(engine, { holdMs: 300 });
      rig.hold(1, 'the master of "mymaster" is down');
      const startedMs = performance.now();
      const client = await rig.connect();
      await client.says('-LOADING sentinel-tunnel: the master of "mymaster" is down; waited 300 ms\r\n');
      const tookMs = performance.now() - startedMs;
      assert.ok(tookMs >= 290, `${tookMs} ms`);
      assert.equal(await client.ended(), 'fin');
      await rig.endedBy('refused', 1);
    });

    it('bounds how many wait', async () => {
      await using upstream = await Upstream.echo();
      await using rig = await Rig.open(engine, { holdMax: 2 });
      rig.hold(1, 'a failover is going on');
      const kept = [await rig.connect(), await rig.connect()];
      await rig.counts({ held: 2 });
      const third = await rig.connect();
      await third.says(
        '-LOADING sentinel-tunnel: 2 connections are waiting already: a failover is going on\r\n',
      );
      rig.serve(upstream.port);
      for (const client of kept) {
        client.send('still here');
        await client.says('still here');
      }
    });

    it('bounds how many sessions there are', async () => {
      await using upstream = await Upstream.echo();
      await using rig = await Rig.open(engine, { maxConnections: 2 });
      rig.serve(upstream.port);
      const first = await rig.connect();
      const second = await rig.connect();
      await rig.counts({ open: 2 });
      const third = await rig.connect();
      await third.says('-LOADING sentinel-tunnel: the limit of 2 connections to "mymaster" is reached\r\n');
      first.end();
      await rig.counts({ open: 1 });
      const fourth = await rig.connect();
      for (const client of [second, fourth]) {
        client.send('x');
        await client.says('x');
      }
    });

    it('bounds how many sessions all tunnels have together', async () => {
      await using upstream = await Upstream.echo();
      await using rig = await Rig.open(engine);
      rig.engine.limit(2);
      rig.serve(upstream.port);
      const other = await DrivenTunnel.open(
        rig.engine,
        secured({ ...defaultSpec, name: 'other' }),
        () => undefined,
      );
      other.steer({ kind: 'serve', generation: 1, endpoint: { host: '127.0.0.1', port: upstream.port } });
      const [elsewhere] = other.listening;
      assert.ok(elsewhere);
      const first = await rig.connect();
      await using second = await Peer.connect(elsewhere);
      await rig.counts({ open: 1 });
      await eventually(() => other.counters().open === 1);
      for (const address of [rig.address, elsewhere]) {
        await using third = await Peer.connect(address);
        await third.says(
          '-LOADING sentinel-tunnel: the limit of 2 connections of the whole tunnel is reached\r\n',
        );
      }
      first.end();
      await rig.counts({ open: 0 });
      await using fourth = await Peer.connect(elsewhere);
      for (const client of [second, fourth]) {
        client.send('x');
        await client.says('x');
      }
      rig.engine.limit(3);
      await rig.connect();
      await rig.counts({ open: 1 });
    });

    it('notices a client that leaves while it waits, and dials nothing for it', async () => {
      await using upstream = await Upstream.echo();
      await using rig = await Rig.open(engine, { holdMs: 2 * patienceMs });
      const leaving = await rig.connect();
      const broken = await rig.connect();
      broken.send('SET k v\r\n');
      const staying = await rig.connect();
      await rig.counts({ held: 3 });
      await leaving.close();
      await rig.counts({ held: 2 });
      broken.reset();
      await rig.counts({ held: 1 });
      await rig.endedBy('downstream', 2);
      rig.serve(upstream.port);
      staying.send('x');
      await staying.says('x');
      assert.equal(upstream.peers.length, 1);
    });

    it('delivers what a client sent while it waited, once and in order', async () => {
      await using upstream = await Upstream.start();
      await using rig = await Rig.open(engine);
      const client = await rig.connect();
      const parts = ['first ', 'second ', 'third '];
      for (const part of parts) {
        client.send(part);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      rig.serve(upstream.port);
      client.send('fourth');
      const peer = await upstream.peer();
      await peer.says('first second third fourth');
      assert.equal(peer.received, 'first second third fourth'.length);
    });

    it('keeps a long request of a waiting client without swallowing all of it', async () => {
      await using upstream = await Upstream.start();
      await using rig = await Rig.open(engine);
      const client = await rig.connect();
      const request = Buffer.alloc(32 * 1024 * 1024);
      for (let at = 0; at < request.length; at += 4) request.writeUInt32LE(at, at);
      client.send(request);
      await new Promise((resolve) => setTimeout(resolve, 300));
      assert.ok(client.socket.writableLength > 0, 'the client is slowed down');
      rig.serve(upstream.port);
      const peer = await upstream.peer();
      client.end();
      assert.equal(await peer.ended(), 'fin');
      assert.ok(Buffer.concat(peer.chunks).equals(request));
    });

    for (const request of [Buffer.from('PING\r\n'), Buffer.alloc(50_000)]) {
      it(`lets a client go that ended its side while it waited, with ${request.length} bytes sent before`, async () => {
        await using upstream = await Upstream.echo();
        await using rig = await Rig.open(engine, { holdMax: 1 });
        rig.hold(1);
        const leaving = await rig.connect();
        leaving.send(request);
        leaving.end();
        await rig.endedBy('downstream', 1);
        await leaving.ended();
        const next = await rig.connect();
        await rig.counts({ held: 1 });
        rig.serve(upstream.port);
        next.send('x');
        await next.says('x');
        assert.equal(upstream.peers.length, 1);
      });
    }

    it('sends nothing of clients that end in the moment in which the master appears', async () => {
      await using upstream = await Upstream.echo();
      await using rig = await Rig.open(engine);
      for (let round = 1; round <= 10; round += 1) {
        rig.hold(round);
        const clients = await Promise.all(Array.from({ length: 20 }, () => rig.connect()));
        for (const client of clients) client.send('INCR k\r\n');
        await rig.counts({ held: 20 });
        const ended = clients.map(
          (client) => new Promise<void>((resolve) => client.socket.end('INCR k\r\n', resolve)),
        );
        await Promise.all(ended); // their last words are in the kernel, and nobody has looked at them yet
        rig.serve(upstream.port, round);
        await rig.endedBy('downstream', 20 * round);
      }
      assert.equal(upstream.peers.length, 0);
    });

    it('serves a client that half-closes while it is dialled', async () => {
      await using upstream = await Upstream.answering('+PONG\r\n');
      await using rig = await Rig.open(engine);
      rig.serve(upstream.port);
      const client = await rig.connect();
      client.send('PING\r\n');
      client.end();
      await client.says('+PONG\r\n');
      assert.equal(await client.ended(), 'fin');
      await rig.endedBy('downstream', 1);
      assert.equal((await upstream.peer()).received, 6);
    });

    it('drains: closes its doors, refuses what waits, lets the rest finish', async () => {
      await using upstream = await Upstream.echo();
      await using rig = await Rig.open(engine);
      rig.serve(upstream.port);
      const relaying = await rig.connect();
      relaying.send('a');
      await relaying.says('a');
      rig.hold(1);
      const waiting = await rig.connect();
      await rig.counts({ held: 1 });
      let isDrained = false;
      const drained = rig.tunnel.drain().then(() => {
        isDrained = true;
      });
      await waiting.says('-LOADING sentinel-tunnel: shutting down\r\n');
      // The line may be read before the descriptor has been given back.
      await eventually(async () => {
        try {
          await (await rig.connect()).close();
          return false;
        } catch (error) {
          return error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED';
        }
      });
      await waiting.close();
      relaying.send('b');
      await relaying.says('ab');
      assert.equal(isDrained, false);
      relaying.end();
      await drained;
      await rig.counts({ open: 0, held: 0 });
    });

    it('closes: destroys every session, and ends a drain in progress', async () => {
      await using upstream = await Upstream.echo();
      await using rig = await Rig.open(engine);
      rig.serve(upstream.port);
      const client = await rig.connect();
      client.send('a');
      await client.says('a');
      const drained = rig.tunnel.drain();
      await Promise.all([rig.tunnel.close(), rig.tunnel.close()]);
      await drained;
      await client.ended();
      await (await upstream.peer()).ended();
      await rig.endedBy('drained', 1);
      await rig.tunnel.close();
    });
  });
}
