import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe } from 'node:test';
import { eventually } from '../../support/index.ts';
import { it } from './it.ts';
import { Upstream, type Peer } from './peer.ts';
import { Rig, type EngineUnderTest } from './rig.ts';

/**
 * Says until when nobody is dialled, though the server has not answered since it dropped a session: for 600 ms, which a
 * busy machine may use up on its way to where a test looks. There is nothing to be seen then.
 */
function misgivingFromNow(): () => boolean {
  const startedMs = performance.now();
  return () => performance.now() - startedMs < 500;
}

export function describeDropping(engine: EngineUnderTest): void {
  describe('a server that drops sessions', () => {
    /** A session that relays, and its server's end of it. */
    async function relaying(rig: Rig, upstream: Upstream): Promise<{ client: Peer; server: Peer }> {
      const index = upstream.peers.length;
      const client = await rig.connect();
      client.send('hello');
      await client.says('hello');
      return { client, server: await upstream.peer(index) };
    }

    for (const how of ['end', 'reset'] as const) {
      it(`is dialled by nobody until it has answered, after it has dropped one by ${how}`, async () => {
        await using upstream = await Upstream.echo();
        await using rig = await Rig.open(engine, { isAnswering: false });
        rig.serve(upstream.port);
        const { client, server } = await relaying(rig, upstream);
        const isInTime = misgivingFromNow();
        server[how]();
        await client.ended();
        const { generation, client: dropped, endpoint } = await rig.event('dropped');
        assert.deepEqual([generation, endpoint.port], [1, upstream.port]);

        const next = await rig.connect();
        next.send('early');
        await eventually(() => rig.tunnel.counters().held === 1 || !isInTime());
        await sleep(100);
        if (isInTime()) {
          assert.equal(upstream.peers.length, 1);
          assert.equal(next.received, 0);
        }
        rig.tunnel.trust([dropped]);
        await next.says('early');
        assert.equal((await upstream.peer(1)).received, 5, 'sent once');
      });
    }

    it('takes back a new session when it is left for another before it has answered', async () => {
      await using upstream = await Upstream.echo();
      await using other = await Upstream.echo();
      await using rig = await Rig.open(engine, { isAnswering: false });
      rig.serve(upstream.port);
      const { server } = await relaying(rig, upstream);
      const isInTime = misgivingFromNow();
      server.reset();
      await rig.event('dropped');
      const next = await rig.connect();
      next.send('early');
      await eventually(() => rig.tunnel.counters().held === 1 || !isInTime());
      const wasInTime = isInTime();
      rig.hold(1);
      rig.serve(other.port, 2);
      await next.says('early');
      if (wasInTime) assert.equal(upstream.peers.length, 1);
    });

    it('is dialled at once by those who come when it was asked to end: by QUIT, or by an end', async () => {
      await using upstream = await Upstream.start((peer, chunk) => {
        peer.socket.write(chunk);
        if (/quit\r\n$/i.test(chunk.toString('latin1'))) peer.end();
      });
      await using rig = await Rig.open(engine, { isAnswering: false });
      rig.serve(upstream.port);
      for (const last of ['*1\r\n$4\r\nQUIT\r\n', 'quit\r\n']) {
        const { client } = await relaying(rig, upstream);
        client.send(last);
        await client.ended();
        client.end();
      }
      const { client: leaving, server } = await relaying(rig, upstream);
      leaving.end();
      await server.ended();
      server.end();
      await leaving.ended();
      const { client: broken, server: left } = await relaying(rig, upstream);
      broken.reset();
      await left.ended();
      await relaying(rig, upstream);
      assert.deepEqual(rig.told('dropped'), [], 'nothing was waited for');
    });
  });
}
