import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'node:test';
import type { ListenAddress } from '../../../src/net/endpoint.ts';
import { it } from './it.ts';
import { Peer, Upstream } from './peer.ts';
import { listenerOn, listenerOnFreePort, loopback, Rig, type EngineUnderTest } from './rig.ts';

export function describeChanging(engine: EngineUnderTest): void {
  describe('changing while it runs', () => {
    it('opens one more listener, and closes it without ending a session', async () => {
      await using upstream = await Upstream.echo();
      await using rig = await Rig.open(engine, { listen: [] });
      assert.deepEqual(rig.tunnel.listening, []);
      rig.serve(upstream.port);
      const first = await rig.tunnel.listen(listenerOn(loopback));
      const second = await rig.tunnel.listen(listenerOn(loopback));
      assert.deepEqual(rig.tunnel.listening, [first.address, second.address]);
      await using client = await Peer.connect(first.address);
      client.send('one');
      await client.says('one');
      await first.close();
      await first.close();
      assert.deepEqual(rig.tunnel.listening, [second.address]);
      await assert.rejects(Peer.connect(first.address), { code: 'ECONNREFUSED' });
      client.send(', two');
      await client.says('one, two');
      await using other = await Peer.connect(second.address);
      other.send('x');
      await other.says('x');
    });

    it('has freed an address as soon as its listener has closed', async () => {
      await using upstream = await Upstream.echo();
      await using rig = await Rig.open(engine);
      rig.serve(upstream.port);
      let listener = await rig.tunnel.listen(await listenerOnFreePort());
      for (let round = 0; round < 20; round += 1) {
        const { address } = listener;
        await listener.close();
        listener = await rig.tunnel.listen(listenerOn(address));
        assert.deepEqual(listener.address, address);
        const client = await Peer.connect(address);
        client.send('x');
        await client.says('x');
        await client.close();
      }
    });

    it('opens and closes a socket file like any other address', async () => {
      const dir = mkdtempSync(join(tmpdir(), 'st-'));
      try {
        const path = join(dir, 's.sock');
        const address: ListenAddress = { kind: 'unix', path };
        await using upstream = await Upstream.echo();
        await using rig = await Rig.open(engine);
        rig.serve(upstream.port);
        for (let round = 0; round < 2; round += 1) {
          const listener = await rig.tunnel.listen(listenerOn(address));
          const client = await Peer.connect(address);
          client.send('x');
          await client.says('x');
          await client.close();
          await listener.close();
          assert.equal(existsSync(path), false);
        }
      } finally {
        rmSync(dir, { recursive: true });
      }
    });

    it('says why a listener cannot be opened, and goes on without it', async () => {
      await using taken = await Upstream.start();
      await using upstream = await Upstream.echo();
      await using rig = await Rig.open(engine);
      rig.serve(upstream.port);
      await assert.rejects(
        rig.tunnel.listen(listenerOn({ kind: 'tcp', host: '127.0.0.1', port: taken.port })),
        {
          code: 'ST_LISTEN_FAILED',
          message: new RegExp(`127\\.0\\.0\\.1:${String(taken.port)}`),
        },
      );
      assert.equal(rig.tunnel.listening.length, 1);
      const client = await rig.connect();
      client.send('x');
      await client.says('x');
    });

    it('opens no listener once it drains or is closed', async () => {
      await using rig = await Rig.open(engine);
      const opening = rig.tunnel.listen(listenerOn({ kind: 'tcp', host: 'localhost', port: 0 }));
      const draining = rig.tunnel.drain();
      await assert.rejects(opening, { code: 'ST_CLOSED' });
      await assert.rejects(rig.tunnel.listen(listenerOn(loopback)), { code: 'ST_CLOSED' });
      await draining;
    });

    it('takes new limits without ending a session', async () => {
      await using upstream = await Upstream.echo();
      await using rig = await Rig.open(engine, { holdMs: 60_000 });
      const limits = {
        holdMs: 60_000,
        holdMax: 1,
        dialMs: 1500,
        maxConnections: 2,
        idleMs: 0,
        reportsSessions: true,
      };
      rig.serve(upstream.port);
      const clients = await Promise.all([rig.connect(), rig.connect(), rig.connect()]);
      for (const client of clients) {
        client.send('x');
        await client.says('x');
      }
      rig.tunnel.adjust(limits);
      const late = await rig.connect();
      await late.says('-LOADING sentinel-tunnel: the limit of 2 connections to "mymaster" is reached\r\n');
      for (const client of clients) {
        client.send('y');
        await client.says('xy');
      }
      rig.tunnel.adjust({ ...limits, maxConnections: 10 });
      const next = await rig.connect();
      next.send('x');
      await next.says('x');
      await rig.event('session-opened');
    });

    it('gives those who wait the new time', async () => {
      await using rig = await Rig.open(engine, { holdMs: 60_000 });
      rig.hold(1, 'a failover is going on');
      const client = await rig.connect();
      await rig.counts({ held: 1 });
      rig.tunnel.adjust({
        holdMs: 50,
        holdMax: 10,
        dialMs: 1500,
        maxConnections: 10,
        idleMs: 0,
        reportsSessions: false,
      });
      await client.says('-LOADING sentinel-tunnel: a failover is going on; waited 50 ms\r\n');
    });
  });
}
