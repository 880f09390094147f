import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { eventually, patienceMs } from '../../../support/index.ts';
import { hasRing } from './engines.ts';
import { askOnce, connectAll, Reads } from './io-uring-reads.ts';
import { it } from '../../suite/it.ts';
import { Upstream, type Peer } from '../../suite/peer.ts';
import { defaultSpec, Rig, unread } from '../../suite/rig.ts';

const { holdMs, holdMax, dialMs, maxConnections, idleMs, reportsSessions } = defaultSpec;
const limits = { holdMs, holdMax, dialMs, maxConnections, idleMs, reportsSessions };

/** How many sessions the small ring of these tests has room for: see `epoll-faulty-thread.ts`. */
const roomFor = 32;

function haveHad(clients: readonly Peer[], bytes: number): Promise<true> {
  return eventually(() => clients.every(({ received }) => received >= bytes), { everyMs: 2 });
}

if (await hasRing()) {
  describe('sessions in the ring of the io_uring engine', () => {
    it('are as many as it has room for: others are served by epoll, and go over when some have ended', async () => {
      await using upstream = await Upstream.echo();
      const reads = new Reads();
      await using rig = await Rig.open(reads.engine(), unread);
      rig.serve(upstream.port);
      const first = await connectAll(rig, roomFor);
      await askOnce(first);
      assert.equal(await reads.during(() => askOnce(first)), 0);
      const late = await connectAll(rig, 8);
      await askOnce(late);
      for (let times = 0; times < 10; times += 1) {
        const count = await reads.during(() => askOnce(late));
        assert.ok(count >= 2 * late.length, `${String(count)} reads for ${String(late.length)} sessions`);
      }
      assert.equal(await reads.during(() => askOnce(first)), 0);
      for (const client of first.splice(0, late.length)) await client.close();
      await rig.counts({ open: roomFor });
      await eventually(async () => (await reads.during(() => askOnce(late))) === 0);
      assert.equal(await reads.during(() => askOnce([...first, ...late])), 0);
    });

    it('come to rest: what was asked is answered, nothing more is asked, and afterwards they go on there', async () => {
      let isAnswering = true;
      const asked: Peer[] = [];
      await using upstream = await Upstream.start((peer, chunk) => {
        if (isAnswering) peer.socket.write(chunk);
        else asked.push(peer);
      });
      const reads = new Reads();
      await using rig = await Rig.open(reads.engine(), unread);
      rig.serve(upstream.port);
      const idle = await connectAll(rig, 10);
      const asking = await connectAll(rig, 10);
      await askOnce([...idle, ...asking]);
      isAnswering = false;
      const count = await reads.during(async () => {
        for (const client of asking) client.send('?');
        await eventually(() => asked.length === asking.length, { everyMs: 2 });
      });
      assert.equal(count, 0);
      rig.hold(1);
      const quiet = rig.tunnel.freeze(patienceMs);
      for (const peer of asked.splice(0)) peer.send('!');
      assert.deepEqual(await quiet, { answered: 20, unanswered: 0 });
      for (const client of asking) await client.says('.!');
      const { upstreamBytes } = rig.tunnel.counters();
      for (const client of [...idle, ...asking]) client.send('+');
      assert.equal(await reads.during(() => new Promise((resolve) => setTimeout(resolve, 50))), 0);
      assert.equal(rig.tunnel.counters().upstreamBytes, upstreamBytes);
      assert.deepEqual(asked, []);
      isAnswering = true;
      rig.serve(upstream.port);
      for (const client of idle) await client.says('.+');
      for (const client of asking) await client.says('.!+');
      await eventually(async () => (await reads.during(() => askOnce([...idle, ...asking]))) === 0);
    });

    it('come to rest in the midst of asking, with as many answers as questions', async () => {
      let isQuiet = false;
      const late: string[] = [];
      await using upstream = await Upstream.start((peer, chunk) => {
        if (isQuiet) late.push(chunk.toString());
        peer.socket.write(chunk);
      });
      const reads = new Reads();
      await using rig = await Rig.open(reads.engine(), unread);
      rig.serve(upstream.port);
      // Each asks again as soon as it is answered: somebody is always asking.
      const clients = await Promise.all(
        Array.from({ length: 20 }, () => rig.connect((peer, chunk) => peer.socket.write(chunk))),
      );
      for (const client of clients) client.send('x');
      await haveHad(clients, 2);
      const count = await reads.during(async () => {
        await haveHad(clients, 50);
      });
      assert.equal(count, 0);
      for (let times = 0; times < 5; times += 1) {
        rig.hold(1);
        assert.deepEqual(await rig.tunnel.freeze(patienceMs), { answered: 20, unanswered: 0 });
        isQuiet = true;
        const { upstreamBytes, downstreamBytes } = rig.tunnel.counters();
        assert.equal(upstreamBytes, downstreamBytes);
        await new Promise((resolve) => setTimeout(resolve, 20));
        assert.equal(rig.tunnel.counters().upstreamBytes, upstreamBytes);
        assert.deepEqual(late, []);
        isQuiet = false;
        rig.serve(upstream.port);
        await haveHad(clients, Math.max(...clients.map(({ received }) => received)) + 10);
      }
    });

    it('stay in it under new limits and while it drains, until they end by themselves', async () => {
      await using upstream = await Upstream.echo();
      const reads = new Reads();
      await using rig = await Rig.open(reads.engine(), unread);
      rig.serve(upstream.port);
      const clients = await connectAll(rig, 20);
      await askOnce(clients);
      rig.tunnel.adjust({ ...limits, maxConnections: 3 });
      assert.equal(await reads.during(() => askOnce(clients)), 0);
      const refused = await rig.connect();
      await refused.says('-LOADING sentinel-tunnel: the limit of 3 connections to "mymaster" is reached\r\n');
      await refused.close();
      const draining = rig.tunnel.drain();
      await eventually(async () => (await reads.during(() => askOnce(clients))) === 0);
      for (const client of clients) client.end();
      for (const client of clients) assert.equal(await client.ended(), 'fin');
      await draining;
      await rig.counts({ open: 0 });
    });

    it('end when nothing has moved in them for a timeout that is set meanwhile', async () => {
      await using upstream = await Upstream.echo();
      const reads = new Reads();
      await using rig = await Rig.open(reads.engine(), unread);
      rig.serve(upstream.port);
      const idle = await connectAll(rig, 10);
      await askOnce(idle);
      assert.equal(await reads.during(() => askOnce(idle)), 0);
      rig.tunnel.adjust({ ...limits, idleMs: 200 });
      for (const client of idle) assert.equal(await client.ended(), 'fin');
      await rig.endedBy('idle', 10);
    });

    for (const [windowBytes, how, isInRing] of [
      [400, 'of short messages, all of it in the ring', true],
      [64 * 1024, 'that fills buffers, so that they come and go', false],
    ] as const)
      it(`are cut in the midst of a flood from their servers ${how}, while others ask and are answered`, async () => {
        const line = '+1700000000.000000 [0 127.0.0.1:1] "SET" "k"\r\n';
        const monitors: Peer[] = [];
        const floods: { readonly client: Peer; readonly server: Peer; sent: number }[] = [];
        let isOver = false;
        /** As fast as it is taken, with no more on the way than the window. */
        function flood(): void {
          for (const each of floods)
            while (each.sent - each.client.received < windowBytes && each.server.ending === undefined) {
              each.server.send(line);
              each.sent += line.length;
            }
          if (!isOver) setImmediate(flood);
        }
        await using upstream = await Upstream.start((server, chunk) => {
          const client = monitors[Number(/MONITOR (\d+)/.exec(chunk.toString())?.[1])];
          if (client) floods.push({ client, server, sent: 0 });
          else server.socket.write(chunk);
        });
        await using two = await Upstream.echo();
        const reads = new Reads();
        await using rig = await Rig.open(reads.engine(), unread);
        rig.serve(upstream.port);
        try {
          flood();
          for (let index = 0; index < 8; index += 1) {
            const client = await rig.connect(() => undefined);
            monitors.push(client);
            client.send(`MONITOR ${String(index)}\n`);
          }
          const clients = await connectAll(rig, 10);
          await haveHad(monitors, 2 * line.length);
          await askOnce(clients);
          const count = await reads.during(async () => {
            for (let times = 0; times < 20; times += 1) await askOnce(clients);
            await haveHad(monitors, 500 * line.length);
          });
          assert.equal(count === 0, isInRing, `${String(count)} reads`);
          assert.deepEqual(await rig.engine.alive(patienceMs), []);
          rig.serve(two.port, 2);
          for (const client of clients) assert.equal(await client.ended(), 'reset');
          // libuv makes an end of a reset that comes together with bytes.
          for (const client of monitors) await client.ended();
        } finally {
          isOver = true;
        }
        assert.equal((await rig.event('steered', 1)).cut, 18);
        for (const server of upstream.peers) await server.ended();
        const next = await rig.connect();
        await askOnce([next]);
        await rig.counts({ open: 1 });
      });
  });
}
