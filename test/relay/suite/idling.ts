import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { eventually, patienceMs } from '../../support/index.ts';
import { it } from './it.ts';
import { Upstream } from './peer.ts';
import { Rig, type EngineUnderTest } from './rig.ts';

export function describeIdling(engine: EngineUnderTest): void {
  describe('idling', () => {
    it('ends a session in which nothing has moved for the timeout, in good order, and no other', async () => {
      await using upstream = await Upstream.echo();
      const idleMs = 800;
      await using rig = await Rig.open(engine, { idleMs, reportsSessions: true });
      rig.serve(upstream.port);
      const idle = await rig.connect();
      const startedMs = performance.now();
      idle.send('last words');
      await idle.says('last words');
      let answeredMs = performance.now();
      let longestMs = 0;
      const busy = await rig.connect(() => {
        longestMs = Math.max(longestMs, performance.now() - answeredMs);
        answeredMs = performance.now();
      });
      while (idle.ending === undefined && performance.now() - startedMs < patienceMs) {
        busy.send('x');
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      const tookMs = performance.now() - startedMs;
      assert.equal(idle.ending, 'fin');
      assert.ok(tookMs >= idleMs, `${tookMs} ms`);
      await eventually(() => rig.told('session-ended').length > 0);
      const [first] = rig.told('session-ended');
      assert.deepEqual([first?.session, first?.reason], [1, 'idle']);
      // On a machine that stood still in between, the other may have been idle too.
      if (longestMs < idleMs / 2) assert.equal(busy.ending, undefined);
      await upstream.peers[0]?.ended();
      await rig.endedBy('idle', 2); // the busy one is busy no more
    });

    it('ends one that is stuck because its client does not read', async () => {
      await using upstream = await Upstream.start((peer) =>
        peer.socket.write(Buffer.alloc(32 * 1024 * 1024)),
      );
      await using rig = await Rig.open(engine, { idleMs: 200 });
      rig.serve(upstream.port);
      const client = await rig.connect();
      client.socket.pause();
      client.send('x');
      await rig.endedBy('idle', 1);
    });

    it('never ends one that waits, nor any without a timeout; a timeout that is set later holds for those that are open', async () => {
      await using upstream = await Upstream.echo();
      await using rig = await Rig.open(engine, { idleMs: 0 });
      const client = await rig.connect();
      const limits = {
        holdMs: 60_000,
        holdMax: 10,
        dialMs: 1500,
        maxConnections: 10,
        reportsSessions: false,
      };
      rig.tunnel.adjust({ ...limits, idleMs: 50 });
      await new Promise((resolve) => setTimeout(resolve, 150));
      rig.tunnel.adjust({ ...limits, idleMs: 0 });
      rig.serve(upstream.port);
      await rig.counts({ open: 1 });
      await new Promise((resolve) => setTimeout(resolve, 150));
      assert.equal(client.ending, undefined);
      rig.tunnel.adjust({ ...limits, idleMs: 50 });
      assert.equal(await client.ended(), 'fin');
      await rig.endedBy('idle', 1);
    });
  });
}
