import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { eventually, patienceMs } from '../../support/index.ts';
import { it } from './it.ts';
import { Upstream } from './peer.ts';
import { Rig, type EngineUnderTest } from './rig.ts';
import { stalled } from './stalled.ts';

export function describeResting(engine: EngineUnderTest): void {
  describe('coming to rest', () => {
    it('lets what was asked be answered, and carries nothing more until it serves again', async () => {
      await using upstream = await Upstream.start();
      await using rig = await Rig.open(engine);
      rig.serve(upstream.port);
      const idle = await rig.connect();
      const asking = await rig.connect();
      idle.send('one');
      const idleServer = await upstream.peer(0);
      await idleServer.says('one');
      idleServer.send('+one');
      await idle.says('+one');
      asking.send('two');
      const askingServer = await eventually(() => upstream.peers.find((peer) => peer.text === 'two'));
      rig.hold(1);
      const quiet = rig.tunnel.freeze(patienceMs);
      // Half of a command is completed, or it would never be answered.
      asking.send('-and-a-half');
      await askingServer.says('two-and-a-half');
      askingServer.send('+two');
      await asking.says('+two');
      assert.deepEqual(await quiet, { answered: 2, unanswered: 0 });
      idle.send('three');
      asking.send('four');
      // A reply that comes late still reaches its client.
      askingServer.send('+late');
      await asking.says('+late');
      assert.equal(idleServer.text, 'one');
      assert.equal(askingServer.text, 'two-and-a-half');
      rig.serve(upstream.port);
      await idleServer.says('three');
      await askingServer.says('four');
      idleServer.send('+three');
      await idle.says('+three');
    });

    it('reads nothing more from a client as soon as its answer begins', async () => {
      let isQuiet = false;
      const late: string[] = [];
      await using upstream = await Upstream.start((peer, chunk) => {
        if (isQuiet) late.push(chunk.toString());
        peer.socket.write(chunk);
      });
      await using rig = await Rig.open(engine);
      rig.serve(upstream.port);
      // Each asks again as soon as it is answered: somebody is always asking.
      const clients = await Promise.all(
        Array.from({ length: 10 }, () => rig.connect((peer, chunk) => peer.socket.write(chunk))),
      );
      for (const client of clients) client.send('x');
      await eventually(() => clients.every(({ received }) => received > 0));
      rig.hold(1);
      assert.deepEqual(await rig.tunnel.freeze(patienceMs), { answered: 10, unanswered: 0 });
      isQuiet = true;
      const { upstreamBytes } = rig.tunnel.counters();
      rig.hold(2);
      for (const client of clients) await client.ended();
      assert.equal(rig.tunnel.counters().upstreamBytes, upstreamBytes);
      assert.deepEqual(late, []);
    });

    it('says who has not been answered when the time is over', async () => {
      await using upstream = await Upstream.start();
      await using rig = await Rig.open(engine);
      rig.serve(upstream.port);
      const blocked = await rig.connect();
      blocked.send('BLPOP');
      const silent = await rig.connect();
      await (await upstream.peer(0)).says('BLPOP');
      await rig.counts({ open: 2 });
      rig.hold(1);
      assert.deepEqual(await rig.tunnel.freeze(50), { answered: 1, unanswered: 1 });
      silent.send('more');
      rig.serve(upstream.port);
      await (await upstream.peer(1)).says('more');
    });

    it('counts a reply that its client has not taken yet as under way', async () => {
      const large = Buffer.alloc(32 * 1024 * 1024);
      await using upstream = await Upstream.start((peer) => peer.socket.write(large));
      await using rig = await Rig.open(engine);
      rig.serve(upstream.port);
      const slow = await rig.connect(() => undefined);
      slow.socket.pause();
      slow.send('GET');
      await eventually(() => rig.tunnel.counters().downstreamBytes > 0);
      // Until it is full of what the client does not take, it may well have passed on all that it has.
      await stalled(() => rig.tunnel.counters().downstreamBytes);
      rig.hold(1);
      assert.deepEqual(await rig.tunnel.freeze(50), { answered: 0, unanswered: 1 });
      const quiet = rig.tunnel.freeze(patienceMs);
      slow.socket.resume();
      assert.deepEqual(await quiet, { answered: 1, unanswered: 0 });
      // Where the server pauses in mid-reply for longer than a moment, that may have been taken for its end.
      await eventually(() => slow.received === large.length);
    });

    it('is over at once where nobody is there, and when it is closed', async () => {
      await using upstream = await Upstream.start();
      await using rig = await Rig.open(engine);
      rig.serve(upstream.port);
      assert.deepEqual(await rig.tunnel.freeze(patienceMs), { answered: 0, unanswered: 0 });
      const client = await rig.connect();
      client.send('BLPOP');
      await (await upstream.peer(0)).says('BLPOP');
      const quiet = rig.tunnel.freeze(2 * patienceMs);
      await rig.tunnel.close();
      await quiet;
    });
  });
}
