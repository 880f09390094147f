import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { descriptorsOf, eventually } from '../../../support/index.ts';
import { fatal, hasRing, withFaults } from './engines.ts';
import { it } from '../../suite/it.ts';
import { Upstream } from '../../suite/peer.ts';
import { Rig, unread } from '../../suite/rig.ts';

function ringWith(faults: string): ReturnType<typeof withFaults> {
  return withFaults(faults, fatal, 'io_uring');
}

if (await hasRing()) {
  describe('the io_uring engine', () => {
    it('carries short messages through the ring alone', async () => {
      await using upstream = await Upstream.echo();
      await using rig = await Rig.open(ringWith('ringOnly'), unread);
      rig.serve(upstream.port);
      const client = await rig.connect();
      let asked = '';
      for (let times = 0; times < 100; times += 1) {
        const word = `${String(times)}\n`;
        asked += word;
        client.send(word);
        await client.says(asked);
      }
      await rig.counts({ open: 1, upstreamBytes: asked.length, downstreamBytes: asked.length });
    });

    it('ends a session that cannot be watched again, on both sides, and serves others', async () => {
      await using upstream = await Upstream.echo();
      await using rig = await Rig.open(ringWith('forget'), unread);
      rig.serve(upstream.port);
      const client = await rig.connect();
      client.send('x');
      await client.says('x');
      client.send('y');
      await client.says('xy');
      client.socket.write(Buffer.alloc(4 * 1024 * 1024)); // more than a buffer: the session leaves the ring
      await client.ended();
      await rig.counts({ open: 0 });
      const next = await rig.connect();
      next.send('x');
      await next.says('x');
    });

    for (const fault of ['forbid', 'noTimer']) {
      it(`gives back what it has taken where a later step fails: ${fault}`, async () => {
        const fail = (): Promise<void> =>
          assert.rejects(async () => ringWith(fault).openEngine(), { code: 'ST_ENGINE_UNAVAILABLE' });
        await fail(); // the first thread of a process opens things that stay
        const before = await descriptorsOf(process.pid);
        for (let times = 0; times < 3; times += 1) await fail();
        await eventually(async () => (await descriptorsOf(process.pid)) <= before);
      });
    }

    for (const [fault, reason] of [
      ['forbidRing', /Cannot run the engine "io_uring": io_uring is forbidden here \(EPERM\)/],
      ['noRingMemory', /Cannot run the engine "io_uring": mmap failed with ENOMEM/],
    ] as const) {
      it(`says why it cannot run: ${fault}`, async () => {
        await assert.rejects(async () => ringWith(fault).openEngine(), {
          code: 'ST_ENGINE_UNAVAILABLE',
          message: reason,
        });
      });
    }

    for (const side of ['client', 'server'] as const) {
      it(`lets go of a session whose ${side} resets in the ring, with what was said before`, async () => {
        await using upstream = await Upstream.echo();
        await using rig = await Rig.open(ringWith('none'), unread);
        rig.serve(upstream.port);
        const client = await rig.connect();
        const server = await upstream.peer();
        for (const said of ['1', '12', '123']) {
          client.send(said.at(-1) ?? '');
          await client.says(said);
        }
        const [resets, other] = side === 'client' ? [client, server] : [server, client];
        resets.reset();
        await other.ended();
        await rig.counts({ open: 0, upstreamBytes: 3, downstreamBytes: 3 });
        await rig.endedBy(side === 'client' ? 'downstream' : 'upstream', 1);
      });
    }
  });
}
