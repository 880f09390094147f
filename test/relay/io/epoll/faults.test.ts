import assert from 'node:assert/strict';
import { platform } from 'node:os';
import { describe } from 'node:test';
import { eventually } from '../../../support/index.ts';
import { openEngine, withFaults } from './engines.ts';
import { it } from '../../suite/it.ts';
import { Upstream, type Peer } from '../../suite/peer.ts';
import { Rig } from '../../suite/rig.ts';

/** What a session can be at when one of its sides resets, and how it comes to that. */
const states: readonly (readonly [string, (client: Peer, server: Peer) => Promise<void>])[] = [
  [
    'relaying',
    async (client, server) => {
      client.send('x');
      await server.says('x');
    },
  ],
  [
    'half-closed by its client',
    async (client, server) => {
      client.end();
      await server.ended();
    },
  ],
  [
    'blocked by its server',
    async (client, server) => {
      // A reset before the session relays would be a dial that failed, and be tried again.
      client.send('x');
      await eventually(() => server.received > 0);
      server.socket.pause();
      const { socket } = client;
      socket.write(Buffer.alloc(32 * 1024 * 1024));
      await eventually(() => socket.writableLength > 0);
    },
  ],
];

if (platform() === 'linux') {
  describe('the epoll engine', () => {
    it('pauses accepting without descriptors, dials again, and serves whoever waited', async () => {
      await using upstream = await Upstream.echo();
      await using rig = await Rig.open(withFaults('starve'));
      rig.serve(upstream.port);
      const client = await rig.connect();
      client.send('x');
      await client.says('x');
      const { code, address } = await rig.event('accept-paused');
      assert.equal(code, 'EMFILE');
      assert.deepEqual(address, rig.address);
      await rig.event('accept-resumed');
      assert.equal(rig.told('accept-paused').length, 1);
      assert.equal(rig.tunnel.counters().acceptErrors, 3);
      assert.equal((await rig.event('dial-failed')).code, 'EMFILE');
      assert.equal(rig.tunnel.counters().dialFailures, 2);
    });

    it('tells of a thread that ends by a defect, and leaves no client hanging', async () => {
      await using upstream = await Upstream.echo();
      let told: Error | undefined;
      const engine = withFaults('break', (error) => {
        told = error;
      });
      const opened = await Rig.open(engine);
      opened.serve(upstream.port);
      const client = await opened.connect();
      client.send('x');
      await client.says('x');
      client.send('y');
      await client.ended();
      const error = await eventually(() => told);
      assert.match(error.message, /A defect made for a test/);
      await client.close();
      await opened.tunnel.close();
      await opened.engine.close();
    });

    it('says why it cannot run', async () => {
      await assert.rejects(async () => withFaults('forbid').openEngine(), {
        code: 'ST_ENGINE_UNAVAILABLE',
        message: /Cannot run the engine "epoll": epoll_create1 failed with EPERM/,
      });
    });

    for (const [state, reach] of states) {
      for (const side of ['client', 'server'] as const) {
        it(`lets go of a session whose ${side} resets while it is ${state}`, async () => {
          await using upstream = await Upstream.start();
          await using rig = await Rig.open({ name: 'epoll', openEngine, module: '' });
          rig.serve(upstream.port);
          const client = await rig.connect();
          const server = await upstream.peer();
          await reach(client, server);
          const endedBy =
            state === 'half-closed by its client' || side === 'client' ? 'downstream' : 'upstream';
          const [resets, other] = side === 'client' ? [client, server] : [server, client];
          resets.reset();
          other.socket.resume();
          await other.ended();
          other.end();
          await rig.counts({ open: 0, held: 0 });
          await rig.endedBy(endedBy, 1);
        });
      }
    }
  });
}
