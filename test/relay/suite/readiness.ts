import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { it } from './it.ts';
import { Peer, Upstream } from './peer.ts';
import { Rig, type EngineUnderTest } from './rig.ts';

/** Sessions that are connected to the next master before it is one. */
export function describeReadiness(engine: EngineUnderTest): void {
  describe('being ready', () => {
    it('connects a waiting session, sends nothing, and relays over that connection once it is served', async () => {
      await using upstream = await Upstream.echo();
      await using rig = await Rig.open(engine);
      const early = await rig.connect();
      early.send('PING');
      await rig.counts({ held: 1 });
      rig.prepare(upstream.port);
      const late = await rig.connect();
      const ready = [await upstream.peer(0), await upstream.peer(1)];
      await rig.counts({ held: 2, open: 0 });
      late.send('PONG');
      // Whatever were sent too early would be there before what a third connection asks for and gets.
      await using direct = await Peer.connect({ kind: 'tcp', host: '127.0.0.1', port: upstream.port });
      direct.send('echo');
      await direct.says('echo');
      assert.deepEqual(
        ready.map(({ received }) => received),
        [0, 0],
      );
      rig.serve(upstream.port);
      await early.says('PING');
      await late.says('PONG');
      assert.equal(upstream.peers.length, 3, 'nobody is connected twice');
      await rig.counts({ held: 0, open: 2 });
    });

    it('leaves that connection when another server is served, or another generation', async () => {
      await using upstream = await Upstream.echo();
      await using other = await Upstream.echo();
      await using rig = await Rig.open(engine);
      const client = await rig.connect();
      client.send('hello');
      rig.prepare(upstream.port);
      const first = await upstream.peer(0);
      rig.prepare(upstream.port, 2);
      await first.ended();
      const second = await upstream.peer(1);
      rig.serve(other.port, 2);
      await second.ended();
      await client.says('hello');
      assert.deepEqual([first.received, second.received], [0, 0]);
      assert.equal(other.peers.length, 1);
    });

    it('dials anew for a session whose early connection the server has ended', async () => {
      await using upstream = await Upstream.echo();
      await using rig = await Rig.open(engine);
      const [one, two] = [await rig.connect(), await rig.connect()];
      one.send('one');
      two.send('two');
      await rig.counts({ held: 2 });
      rig.prepare(upstream.port);
      const [first, second] = [await upstream.peer(0), await upstream.peer(1)];
      first.end();
      second.reset();
      await first.ended();
      await rig.counts({ held: 2, open: 0, dialFailures: 0 });
      rig.serve(upstream.port);
      await one.says('one');
      await two.says('two');
      assert.equal(upstream.peers.length, 4);
    });

    it('takes a server that nobody listens on for not there yet', async () => {
      const gone = await Upstream.echo();
      const { port } = gone;
      await gone.close();
      await using rig = await Rig.open(engine);
      const client = await rig.connect();
      client.send('hello');
      await rig.counts({ held: 1 });
      rig.prepare(port);
      await rig.event('steered');
      await using upstream = await Upstream.echo(port);
      rig.serve(upstream.port);
      await client.says('hello');
      assert.equal(rig.told('dial-failed').length, 0);
    });

    it('forgets a client that leaves, and refuses one whose time runs out', async () => {
      await using upstream = await Upstream.echo();
      await using rig = await Rig.open(engine, { holdMs: 400 });
      const leaving = await rig.connect();
      const staying = await rig.connect();
      staying.send('still here');
      await rig.counts({ held: 2 });
      rig.prepare(upstream.port);
      const ready = [await upstream.peer(0), await upstream.peer(1)];
      leaving.end();
      await rig.endedBy('downstream', 1);
      await staying.says('-ERR sentinel-tunnel: soon; waited 400 ms\r\n');
      for (const peer of ready) await peer.ended();
    });
  });
}
