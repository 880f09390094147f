import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { encodeCommand, eventually, RedisProcess } from '../../support/index.ts';
import { it } from './it.ts';
import { spokenTls, Upstream, type Peer } from './peer.ts';
import { Rig, type EngineUnderTest } from './rig.ts';

/** A cut is to be felt on both sides within this, in milliseconds: nothing but the cut ends a session so soon. */
const atOnceMs = 10_000;

export function describeCutting(engine: EngineUnderTest): void {
  describe('cutting', () => {
    it('cuts who relays and nobody else when it is told to evict, and goes on', async () => {
      await using upstream = await Upstream.echo();
      await using rig = await Rig.open(engine);
      rig.serve(upstream.port, 1);
      const clients = [await rig.connect(), await rig.connect()];
      for (const client of clients) {
        client.send('x');
        await client.says('x');
      }
      assert.equal(await rig.tunnel.evict(), 2);
      for (const client of clients) await client.ended();
      await rig.endedBy('evicted', 2);
      rig.hold(1);
      const waiting = await rig.connect();
      waiting.send('y');
      await rig.counts({ held: 1 });
      assert.equal(await rig.tunnel.evict(), 0);
      rig.serve(upstream.port, 1);
      await waiting.says('y');
      const [one, other] = await Promise.all([rig.tunnel.evict(), rig.tunnel.evict()]);
      assert.equal(Math.max(one, other), 1);
      await rig.tunnel.close();
      assert.equal(await rig.tunnel.evict(), 0);
    });

    it('cuts an idle session on both sides', async () => {
      await using upstream = await Upstream.echo();
      await using rig = await Rig.open(engine);
      const { client, peer } = await relaying(rig, upstream);
      rig.serve(upstream.port, 2);
      await Promise.all([client.ended(atOnceMs), peer.ended(atOnceMs)]);
      await rig.endedBy('evicted', 1);
      assert.equal((await rig.event('steered', 1)).cut, 1);
    });

    it('cuts a session of which the client has half-closed, and does not make it look like an end', async () => {
      await using upstream = await Upstream.start();
      await using rig = await Rig.open(engine);
      const { client, peer } = await relaying(rig, upstream);
      client.end();
      assert.equal(await peer.ended(), 'fin');
      rig.hold(2);
      assert.equal(await client.ended(atOnceMs), 'reset');
      await closes(peer);
      await rig.endedBy('evicted', 1);
    });

    it('cuts a session of which the server has half-closed', async () => {
      await using upstream = await Upstream.start();
      await using rig = await Rig.open(engine);
      const { client, peer } = await relaying(rig, upstream);
      peer.end();
      assert.equal(await client.ended(), 'fin');
      rig.hold(2);
      await closes(client);
      await closes(peer);
      await rig.endedBy('evicted', 1);
    });

    it('cuts a session whose client does not read', async () => {
      await using upstream = await Upstream.start();
      await using rig = await Rig.open(engine);
      const { client, peer } = await relaying(rig, upstream);
      client.socket.pause();
      flood(peer);
      await stopsTaking(peer);
      rig.hold(2);
      await closes(peer);
      await rig.endedBy('evicted', 1, atOnceMs);
      client.socket.resume();
      await client.ended(atOnceMs);
    });

    it('cuts a session whose server does not read, and drops what it has not been given', async () => {
      await using upstream = await Upstream.start();
      await using rig = await Rig.open(engine);
      const { client, peer } = await relaying(rig, upstream);
      peer.socket.pause();
      flood(client);
      await stopsTaking(client);
      const taken = client.socket.bytesWritten - client.socket.writableLength;
      rig.hold(2);
      await closes(client);
      await rig.endedBy('evicted', 1, atOnceMs);
      peer.socket.resume();
      await peer.ended(atOnceMs);
      assert.ok(peer.received < taken, `${peer.received} of ${taken} bytes reached the old server`);
    });

    it('leaves sessions of the new generation alone', async () => {
      await using one = await Upstream.echo();
      await using two = await Upstream.echo();
      await using rig = await Rig.open(engine);
      const old = await relaying(rig, one);
      rig.serve(two.port, 2);
      await old.client.ended(atOnceMs);
      const young = await rig.connect();
      young.send('a');
      await young.says('a');
      rig.serve(two.port, 2);
      young.send('b');
      await young.says('ab');
    });

    it('sends nothing of a client to the old server after a cut', async () => {
      await using one = await Upstream.start();
      await using two = await Upstream.start();
      await using rig = await Rig.open(engine);
      const pairs: { readonly client: Peer; readonly peer: Peer }[] = [];
      for (let index = 0; index < 50; index += 1) pairs.push(await relaying(rig, one, index));
      let count = 0;
      const writing = setInterval(() => {
        count += 1;
        for (const { client } of pairs) client.send(`${count}\n`);
      }, 1);
      await eventually(() => one.peers.every(({ received }) => received > 0));
      rig.serve(two.port, 2);
      await rig.event('steered', 1);
      await Promise.all(one.peers.map((peer) => peer.ended(atOnceMs)));
      const received = one.peers.map((peer) => peer.received);
      await new Promise((resolve) => setTimeout(resolve, 100));
      clearInterval(writing);
      assert.deepEqual(
        one.peers.map((peer) => peer.received),
        received,
      );
      await rig.endedBy('evicted', 50);
    });

    it(
      'cuts subscribers, blocked clients and monitors of a real Redis',
      async () => {
        await using redis = await RedisProcess.start();
        await using rig = await Rig.open(engine);
        rig.serve(redis.port, 1);
        const subscriber = await rig.connect();
        subscriber.send(encodeCommand(['SUBSCRIBE', 'news']));
        await subscriber.says('subscribe');
        const monitor = await rig.connect();
        monitor.send(encodeCommand(['MONITOR']));
        await monitor.says('+OK');
        const blocked = await rig.connect();
        blocked.send(encodeCommand(['BLPOP', 'queue', '0']));
        await eventually(async () =>
          String(await redis.command('INFO', 'clients')).includes('blocked_clients:1'),
        );
        rig.hold(2);
        await Promise.all([subscriber, monitor, blocked].map((client) => client.ended(atOnceMs)));
        await eventually(async () => {
          const list = String(await redis.command('CLIENT', 'LIST'));
          return !/cmd=(subscribe|monitor|blpop)/.test(list);
        });
        await rig.endedBy('evicted', 3);
      },
      { skip: spokenTls() !== undefined },
    ); // it is a plain one
  });
}

/** A client and its server's end of one session, with a byte gone through. */
async function relaying(rig: Rig, upstream: Upstream, index = 0): Promise<{ client: Peer; peer: Peer }> {
  if (index === 0) rig.serve(upstream.port, 1);
  const client = await rig.connect();
  const peer = await upstream.peer(index);
  client.send('.');
  await eventually(() => peer.received > 0, { everyMs: 2 });
  return { client, peer };
}

function flood(peer: Peer): void {
  const chunk = Buffer.alloc(1024 * 1024, 'x');
  for (let count = 0; count < 64; count += 1) peer.socket.write(chunk);
}

/** Waits until a flooding peer is held back. */
async function stopsTaking(peer: Peer): Promise<void> {
  let last = -1;
  await eventually(
    () => {
      const left = peer.socket.writableLength;
      const isStill = left === last && left > 0;
      last = left;
      return isStill;
    },
    { everyMs: 200 },
  );
}

/** Waits until a peer that still has something to send, or has half-closed, finds its connection gone. */
async function closes(peer: Peer): Promise<void> {
  await eventually(
    () => {
      if (!peer.socket.writableEnded && !peer.socket.destroyed) peer.socket.write('?');
      return peer.socket.destroyed;
    },
    { withinMs: atOnceMs, everyMs: 10 },
  );
}
