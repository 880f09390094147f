import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { noReplication } from '../../../src/relay/core/refusal.ts';
import { it } from './it.ts';
import { Upstream } from './peer.ts';
import { loopback, Rig, type EngineUnderTest } from './rig.ts';

const ping = '*1\r\n$4\r\nPING\r\n';
const replconf = '*3\r\n$8\r\nREPLCONF\r\n$14\r\nlistening-port\r\n$4\r\n6380\r\n';
const get = '*2\r\n$3\r\nGET\r\n$1\r\nk\r\n';
const sync = '*1\r\n$4\r\nSYNC\r\n';
const denied = `-DENIED sentinel-tunnel: ${noReplication}\r\n`;

export function describeReplicating(engine: EngineUnderTest): void {
  describe('replicating', () => {
    it('refuses a client that begins as a replica does, and sends nothing of that on', async () => {
      await using upstream = await Upstream.start();
      await using rig = await Rig.open(engine);
      rig.serve(upstream.port);
      const client = await rig.connect();
      client.send(ping);
      const server = await upstream.peer();
      await server.says(ping);
      server.send('+PONG\r\n');
      await client.says('+PONG\r\n');
      client.send(replconf);
      await client.says(denied);
      assert.equal(await client.ended(), 'fin');
      assert.equal(await server.ended(), 'reset');
      assert.equal(server.text, ping);
      await rig.endedBy('refused', 1);
      assert.deepEqual(await rig.event('refused'), { kind: 'refused', reason: noReplication, count: 1 });
      assert.equal(rig.told('dropped').length, 0, 'the server has dropped nobody');
      await rig.counts({ open: 0 });
    });

    it('knows one that comes byte by byte, and one that was waiting', async () => {
      await using upstream = await Upstream.start();
      await using rig = await Rig.open(engine);
      rig.hold(1, 'a failover is going on');
      const waiting = await rig.connect();
      waiting.send(ping + replconf);
      await rig.counts({ held: 1 });
      rig.serve(upstream.port, 2);
      await waiting.says(denied);
      const slow = await rig.connect();
      for (const byte of ping + sync) {
        slow.send(byte);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await slow.says(denied);
      await rig.endedBy('refused', 2);
      for (const { text } of upstream.peers)
        assert.ok(!text.includes('REPLCONF') && !text.includes(sync), text);
    });

    it('lets one through where the listener allows it', async () => {
      await using upstream = await Upstream.echo();
      await using rig = await Rig.open(engine, { listen: [{ address: loopback, allowReplication: true }] });
      rig.serve(upstream.port);
      const client = await rig.connect();
      client.send(ping + replconf + sync);
      await client.says(ping + replconf + sync);
    });

    it('looks at nothing any more after a command that no replica begins with', async () => {
      await using upstream = await Upstream.echo();
      await using rig = await Rig.open(engine);
      rig.serve(upstream.port);
      const client = await rig.connect();
      client.send(get);
      await client.says(get);
      client.send(sync);
      await client.says(get + sync);
    });
  });
}
