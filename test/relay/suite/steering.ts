import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { it } from './it.ts';
import { Upstream } from './peer.ts';
import { Rig, type EngineUnderTest } from './rig.ts';

export function describeSteering(engine: EngineUnderTest): void {
  describe('steering', () => {
    it('holds sessions until the first route, then sends them on their way', async () => {
      await using upstream = await Upstream.echo();
      await using rig = await Rig.open(engine);
      const clients = [await rig.connect(), await rig.connect(), await rig.connect()];
      await rig.counts({ held: 3, open: 0, admitted: 3 });
      rig.serve(upstream.port);
      for (const client of clients) {
        client.send('hello');
        await client.says('hello');
      }
      assert.deepEqual(await rig.event('steered'), {
        kind: 'steered',
        generation: 1,
        cut: 0,
        held: 0,
        released: 3,
      });
      await rig.counts({ held: 0, open: 3 });
    });

    it('takes new sessions to the present endpoint', async () => {
      await using one = await Upstream.answering('one');
      await using two = await Upstream.answering('two');
      await using rig = await Rig.open(engine);
      rig.serve(one.port, 1);
      const before = await rig.connect();
      before.send('?');
      await before.says('one');
      rig.serve(two.port, 2);
      const after = await rig.connect();
      after.send('?');
      await after.says('two');
      assert.equal(two.peers.length, 1);
    });

    it('leaves relaying sessions alone when the generation stays', async () => {
      await using upstream = await Upstream.echo();
      await using rig = await Rig.open(engine);
      rig.serve(upstream.port, 7);
      const old = await rig.connect();
      old.send('a');
      await old.says('a');
      rig.hold(7);
      const waiting = await rig.connect();
      waiting.send('w');
      await rig.counts({ held: 1, open: 1 });
      old.send('b');
      await old.says('ab');
      rig.refuse(7);
      await waiting.says('-LOADING sentinel-tunnel: no Sentinel knows the master\r\n');
      old.send('c');
      await old.says('abc');
      rig.serve(upstream.port, 7);
      old.send('d');
      await old.says('abcd');
      const steered = await rig.event('steered', 3);
      assert.deepEqual(steered, { kind: 'steered', generation: 7, cut: 0, held: 0, released: 0 });
    });

    it('refuses what waits and what comes, and says why in one line', async () => {
      await using rig = await Rig.open(engine);
      const waiting = await rig.connect();
      await rig.counts({ held: 1 });
      rig.refuse(1, 'no master:\r\n+OK it is down');
      const coming = await rig.connect();
      for (const client of [waiting, coming]) {
        await client.says('-LOADING sentinel-tunnel: no master: +OK it is down\r\n');
        assert.equal(await client.ended(), 'fin');
        assert.equal(client.text.split('\r\n').length, 2, 'one line only');
      }
      await rig.endedBy('refused', 2);
      const refused = await rig.event('refused');
      assert.equal(refused.count, 1);
    });

    it('lets a refused client read why, whatever it had sent', async () => {
      await using rig = await Rig.open(engine);
      rig.refuse(1, 'not today');
      const client = await rig.connect();
      client.send(Buffer.alloc(300_000, 'x'));
      await client.says('-LOADING sentinel-tunnel: not today\r\n');
      assert.equal(await client.ended(), 'fin');
    });

    it('closes a refused client that does not close by itself', async () => {
      await using rig = await Rig.open(engine);
      rig.refuse();
      const client = await rig.connect();
      assert.equal(await client.ended(), 'fin');
      await rig.tunnel.drain(); // resolves once the socket is closed
      await rig.counts({ open: 0, held: 0 });
    });

    it('tells the first byte of each generation once', async () => {
      await using upstream = await Upstream.echo();
      await using rig = await Rig.open(engine);
      for (const generation of [1, 2]) {
        rig.serve(upstream.port, generation);
        for (const word of ['x', 'y']) {
          const client = await rig.connect();
          client.send(word);
          await client.says(word);
        }
        const event = await rig.event('first-byte', generation - 1);
        assert.equal(event.generation, generation);
      }
      assert.equal(rig.told('first-byte').length, 2);
    });

    it('tells a doubtful word at the head of a reply, and nowhere else', async () => {
      await using upstream = await Upstream.echo();
      await using rig = await Rig.open(engine);
      rig.serve(upstream.port, 3);
      const endpoint = { host: '127.0.0.1', port: upstream.port };
      const client = await rig.connect();
      client.send('$20\r\nit says -READONLY ..\r\n');
      await client.says('..\r\n');
      client.send('-ERR no\r\n');
      await client.says('-ERR no\r\n');
      assert.deepEqual(rig.told('suspect-reply'), []);
      for (const [index, word] of (['READONLY', 'LOADING', 'MASTERDOWN'] as const).entries()) {
        client.send(`-${word} You cannot.\r\n`);
        assert.deepEqual(await rig.event('suspect-reply', index), {
          kind: 'suspect-reply',
          generation: 3,
          endpoint,
          word,
        });
        await new Promise((resolve) => setTimeout(resolve, 60)); // told at most once in 50 ms
      }
    });

    it('tells of each session only where asked to', async () => {
      await using upstream = await Upstream.echo();
      for (const reportsSessions of [true, false]) {
        await using rig = await Rig.open(engine, { reportsSessions });
        rig.serve(upstream.port);
        const client = await rig.connect();
        client.send('12345');
        await client.says('12345');
        client.end();
        await rig.endedBy('downstream', 1);
        const told = rig.events.filter(({ kind }) => kind.startsWith('session-'));
        if (!reportsSessions) {
          assert.deepEqual(told, []);
          continue;
        }
        const { lastedMs, ...ended } = await rig.event('session-ended');
        assert.deepEqual(await rig.event('session-opened'), {
          kind: 'session-opened',
          session: ended.session,
          generation: 1,
        });
        assert.deepEqual(ended, {
          kind: 'session-ended',
          session: ended.session,
          reason: 'downstream',
          upstreamBytes: 5,
          downstreamBytes: 5,
        });
        assert.ok(lastedMs > 0 && lastedMs < 60_000, `${lastedMs} ms`);
      }
    });
  });
}
