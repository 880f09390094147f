import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually, patienceMs } from '../../../support/index.ts';
import { EpollEngine } from '../../../../src/relay/epoll-engine.ts';
import { fatal, hasRing } from './engines.ts';
import { Gates } from './gates.ts';
import { it } from '../../suite/it.ts';
import { Upstream, type Peer } from '../../suite/peer.ts';
import { Rig, unread, type EngineUnderTest } from '../../suite/rig.ts';

const skip = !(await hasRing()) && 'there is no io_uring here, or it is forbidden';

function engineWith(gates: Gates, catchUp?: () => Promise<void>): EngineUnderTest {
  const thread = { module: new URL('./gated-thread.js', import.meta.url), data: gates.memory };
  return {
    name: 'io_uring',
    openEngine: () =>
      EpollEngine.start({ threads: 1, usesRing: true, fatal, thread, ...(catchUp && { catchUp }) }),
    module: '',
  };
}

/** A session in the ring: it has asked `one` and was answered. */
async function inRing(rig: Rig, upstream: Upstream): Promise<{ client: Peer; server: Peer }> {
  rig.serve(upstream.port);
  const client = await rig.connect();
  client.send('one');
  const server = await upstream.peer();
  await server.says('one');
  server.send('+one');
  await client.says('+one');
  return { client, server };
}

describe('what the ring has received when a command comes', { skip }, () => {
  it('is not carried after a cut', async () => {
    await using upstream = await Upstream.start();
    await using two = await Upstream.echo();
    const gates = new Gates();
    await using rig = await Rig.open(engineWith(gates), unread);
    const { client, server } = await inRing(rig, upstream);
    await gates.standAt('beforeLook', () => {
      client.send('two');
    });
    rig.serve(two.port, 2);
    gates.open();
    assert.equal(await client.ended(), 'reset');
    await server.ended();
    assert.equal(server.text, 'one');
    await rig.counts({ open: 0, upstreamBytes: 3 });
  });

  it('is asked already when it is to come to rest, so the rest of it is carried too, and nothing more', async () => {
    await using upstream = await Upstream.start();
    const gates = new Gates();
    await using rig = await Rig.open(engineWith(gates), unread);
    const { client, server } = await inRing(rig, upstream);
    await gates.standAt('beforeLook', () => {
      client.send('two');
    });
    rig.hold(1);
    const quiet = rig.tunnel.freeze(patienceMs);
    gates.open();
    await server.says('onetwo');
    client.send('-and-a-half');
    await server.says('onetwo-and-a-half');
    server.send('+two');
    await client.says('+one+two');
    assert.deepEqual(await quiet, { answered: 1, unanswered: 0 });
    client.send('three');
    await sleep(20);
    assert.equal(server.text, 'onetwo-and-a-half');
    rig.serve(upstream.port);
    await server.says('onetwo-and-a-halfthree');
  });

  it('is not sent after a standstill in which the master has moved', async () => {
    await using upstream = await Upstream.start();
    await using two = await Upstream.echo();
    const gates = new Gates();
    let openedMs = 0;
    let caughtUpMs = 0;
    const catchUp = (): Promise<void> => {
      caughtUpMs = performance.now();
      rig.serve(two.port, 2);
      return Promise.resolve();
    };
    await using rig = await Rig.open(engineWith(gates, catchUp), unread);
    const { client, server } = await inRing(rig, upstream);
    await gates.standAt('afterLook', () => {
      client.send('two');
    });
    gates.missBeats(3);
    await sleep(300); // more than a beat, by the clock that it looks at before it sends
    openedMs = performance.now();
    gates.open();
    await eventually(() => caughtUpMs > 0);
    await client.ended();
    await server.ended();
    // A thread does not wait for the main thread, should that not come round to it for two seconds.
    if (caughtUpMs - openedMs < 1_900) assert.equal(server.text, 'one');
    const next = await rig.connect();
    next.send('x');
    await next.says('x');
  });
});
