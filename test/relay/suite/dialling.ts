import { DrivenTunnel } from './driven-tunnel.ts';
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { eventually, eventuallyPasses, freePort, FullBacklog, unresolvable } from '../../support/index.ts';
import { it } from './it.ts';
import { Upstream } from './peer.ts';
import { defaultSpec, listenerOn, listenerOnFreePort, Rig, secured, type EngineUnderTest } from './rig.ts';

export function describeDialling(engine: EngineUnderTest): void {
  describe('dialling', () => {
    it('tries a refused dial again until the server is there', async () => {
      const port = await freePort();
      await using rig = await Rig.open(engine);
      rig.serve(port);
      const client = await rig.connect();
      client.send('early');
      const failed = await rig.event('dial-failed');
      assert.deepEqual(failed, {
        kind: 'dial-failed',
        generation: 1,
        endpoint: { host: '127.0.0.1', port },
        code: 'ECONNREFUSED',
        count: 1,
      });
      await using upstream = await Upstream.echo(port);
      await client.says('early');
      assert.equal(upstream.peers.length, 1);
      assert.equal((await upstream.peer()).received, 5);
    });

    it('tells dials that fail together, with their count', async () => {
      const port = await freePort();
      await using rig = await Rig.open(engine);
      const startedMs = performance.now();
      rig.serve(port);
      const clients = await Promise.all(Array.from({ length: 20 }, () => rig.connect()));
      await eventually(() => rig.tunnel.counters().dialFailures >= 60);
      rig.refuse();
      await Promise.all(clients.map((client) => client.says('-LOADING sentinel-tunnel: ')));
      await rig.endedBy('refused', 20);
      await eventuallyPasses(() => {
        const total = rig.told('dial-failed').reduce((sum, { count }) => sum + count, 0);
        assert.equal(total, rig.tunnel.counters().dialFailures);
      });
      const { length } = rig.told('dial-failed');
      const most = 2 + (performance.now() - startedMs) / 50; // told at most once in 50 ms
      assert.ok(length <= most, `${length} events`);
    });

    it('says that the master cannot be reached when the time of a session is over', async () => {
      await using rig = await Rig.open(engine, { holdMs: 400 });
      rig.serve(await freePort());
      const client = await rig.connect();
      await client.says('; waited 400 ms\r\n');
      // It may be dialling once more just then.
      assert.match(
        client.text,
        /^-LOADING sentinel-tunnel: the master of "mymaster" (cannot be reached|has not answered); waited 400 ms\r\n$/,
      );
      await rig.endedBy('refused', 1);
    });

    it('gives up a dial that hangs at its deadline, and the session at its own', async () => {
      await using nobody = await FullBacklog.start();
      await using rig = await Rig.open(engine, { dialMs: 200, holdMs: 700 });
      rig.serve(nobody.port);
      const startedMs = performance.now();
      const client = await rig.connect();
      const failed = await rig.event('dial-failed');
      assert.equal(failed.code, 'ETIMEDOUT');
      const failedMs = performance.now() - startedMs;
      assert.ok(failedMs >= 190, `${failedMs} ms`); // the kernel would try for two minutes
      await client.says('-LOADING sentinel-tunnel: the master of "mymaster" ');
      await client.says('; waited 700 ms\r\n');
      const refusedMs = performance.now() - startedMs;
      assert.ok(refusedMs >= 690, `${refusedMs} ms`);
    });

    it('abandons a dial at a new route, and serves the session there', async () => {
      await using nobody = await FullBacklog.start();
      await using upstream = await Upstream.echo();
      await using rig = await Rig.open(engine);
      rig.serve(nobody.port, 1);
      const client = await rig.connect();
      client.send('early');
      await rig.counts({ open: 1, held: 0 });
      rig.hold(2);
      await rig.counts({ open: 0, held: 1 });
      rig.serve(upstream.port, 3);
      await client.says('early'); // long before the deadline of its dial
      assert.equal(client.ending, undefined);
      await rig.counts({ open: 1, held: 0 });
      assert.deepEqual(rig.told('steered').at(-1), {
        kind: 'steered',
        generation: 3,
        cut: 0,
        held: 0,
        released: 1,
      });
      assert.equal(rig.told('dial-failed').length, 0);
    });

    it('moves a dialling session straight from one generation to the next', async () => {
      await using nobody = await FullBacklog.start();
      await using upstream = await Upstream.echo();
      await using rig = await Rig.open(engine);
      rig.serve(nobody.port, 1);
      const client = await rig.connect();
      await rig.counts({ open: 1 });
      rig.serve(upstream.port, 2);
      client.send('x');
      await client.says('x');
      await rig.endedBy('evicted', 0);
    });

    it('notices a client that leaves while its dial hangs', async () => {
      await using nobody = await FullBacklog.start();
      await using rig = await Rig.open(engine);
      rig.serve(nobody.port);
      const client = await rig.connect();
      await rig.counts({ open: 1 });
      await client.close();
      await rig.counts({ open: 0 });
      await rig.endedBy('downstream', 1);
    });

    it('bounds how many wait to dial again', async () => {
      const port = await freePort();
      await using rig = await Rig.open(engine, { holdMax: 3 });
      rig.serve(port);
      const clients = await Promise.all(Array.from({ length: 10 }, () => rig.connect()));
      await rig.endedBy('refused', 7);
      const refused = clients.filter(({ text }) => text !== '');
      assert.ok(refused.every(({ text }) => text.includes('3 connections are waiting already')));
      const { open, held } = rig.tunnel.counters();
      assert.equal(open + held, 3);
    });

    it('counts a name that does not resolve as a failed dial', async () => {
      await using rig = await Rig.open(engine, { holdMs: 500 });
      rig.tunnel.steer({
        kind: 'serve',
        generation: 1,
        endpoint: { host: unresolvable, port: 6379 },
      });
      const client = await rig.connect();
      await client.says('-LOADING sentinel-tunnel: ');
      assert.equal(await client.ended(), 'fin');
    });

    it('dials no listener of its own process, by an address or by a name, and says why', async () => {
      await using rig = await Rig.open(engine);
      const other = await DrivenTunnel.open(rig.engine, secured(defaultSpec), () => undefined);
      const late = await rig.tunnel.listen(await listenerOnFreePort());
      const everywhere = await rig.tunnel.listen(listenerOn({ kind: 'tcp', host: '0.0.0.0', port: 0 }));
      const own = [
        ['localhost', rig.address],
        ['127.0.0.1', rig.address],
        ['127.0.0.1', other.listening[0]],
        ['127.0.0.1', late.address],
        ['127.0.0.9', everywhere.address],
      ] as const;
      let generation = 1;
      for (const [host, address] of own) {
        assert.ok(address?.kind === 'tcp');
        const { port } = address;
        rig.tunnel.steer({ kind: 'serve', generation, endpoint: { host, port } });
        const client = await rig.connect();
        await eventually(() => rig.told('dial-failed').some((told) => told.generation === generation));
        assert.deepEqual(
          rig.told('dial-failed').map(({ code }) => code),
          rig.told('dial-failed').map(() => 'that is this tunnel itself'),
        );
        rig.refuse(generation);
        await client.says('-LOADING sentinel-tunnel: ');
        generation += 1;
      }
      // Nobody came in by a listener who had not come by himself.
      await rig.counts({ admitted: own.length });
      assert.equal(other.counters().admitted, 0);

      // What it has left is the address of somebody else.
      assert.ok(late.address.kind === 'tcp');
      const { port } = late.address;
      await late.close();
      await using upstream = await Upstream.echo(port);
      rig.serve(upstream.port, generation);
      const client = await rig.connect();
      client.send('x');
      await client.says('x');
      await other.close();
    });

    it('dials a host by its name', async () => {
      await using upstream = await Upstream.echo();
      await using rig = await Rig.open(engine);
      rig.tunnel.steer({
        kind: 'serve',
        generation: 1,
        endpoint: { host: 'localhost', port: upstream.port },
      });
      const client = await rig.connect();
      client.send('x');
      await client.says('x');
    });
  });
}
