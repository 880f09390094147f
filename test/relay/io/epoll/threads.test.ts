import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { platform, tmpdir } from 'node:os';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe } from 'node:test';
import type { ListenAddress } from '../../../../src/net/endpoint.ts';
import { EpollEngine } from '../../../../src/relay/epoll-engine.ts';
import { Child, eventually, patienceMs, unresolvable } from '../../../support/index.ts';
import { fatal } from './engines.ts';
import { it } from '../../suite/it.ts';
import { Peer, Upstream } from '../../suite/peer.ts';
import { Rig, type EngineUnderTest } from '../../suite/rig.ts';

const threads = 2;
const engine: EngineUnderTest = {
  name: 'epoll',
  openEngine: () => EpollEngine.start({ threads, fatal }),
  module: '',
};

if (platform() === 'linux') {
  describe('the epoll engine on two threads', () => {
    it('serves from both, tells a steering once and sums what they count', async () => {
      await using upstream = await Upstream.echo();
      await using rig = await Rig.open(engine, { reportsSessions: true });
      rig.serve(upstream.port, 1);
      await rig.event('steered');
      const clients = await Promise.all(Array.from({ length: 60 }, () => rig.connect()));
      for (const client of clients) client.send('hello');
      await Promise.all(clients.map((client) => client.says('hello')));
      await rig.counts({ open: 60, admitted: 60, upstreamBytes: 300, downstreamBytes: 300 });
      const sessions = rig.told('session-opened').map(({ session }) => session);
      assert.equal(new Set(sessions).size, 60, 'no two sessions have one number');
      const perThread = [0, 1].map((odd) => sessions.filter((session) => session % threads === odd).length);
      assert.ok(Math.min(...perThread) > 0, `sessions per thread: ${perThread.join(', ')}`);
      assert.equal(rig.told('first-byte').length, 1);
      rig.hold(2);
      const { cut } = await rig.event('steered', 1);
      assert.equal(cut, 60);
      await Promise.all(clients.map((client) => client.ended()));
      assert.equal(rig.told('steered').length, 2);
    });

    it('keeps a limit to the last place, however the kernel spreads the clients', async () => {
      await using upstream = await Upstream.echo();
      await using rig = await Rig.open(engine, { maxConnections: 7, holdMax: 5 });
      rig.hold(1, 'wait');
      const waiting = await Promise.all(Array.from({ length: 30 }, () => rig.connect()));
      await rig.endedBy('refused', 25);
      await rig.counts({ held: 5 });
      rig.serve(upstream.port);
      const more = await Promise.all(Array.from({ length: 30 }, () => rig.connect()));
      await rig.endedBy('refused', 53);
      await rig.counts({ open: 7 });
      const left = [...waiting, ...more].filter(({ ending }) => ending === undefined);
      for (const client of left) client.end();
      await rig.counts({ open: 0 });
      await rig.connect();
      await rig.counts({ open: 1 });
    });

    it('shares a socket file among the threads', async () => {
      const directory = mkdtempSync(join(tmpdir(), 'st-threads-'));
      try {
        const socket: ListenAddress = { kind: 'unix', path: join(directory, 's.sock') };
        await using upstream = await Upstream.echo();
        await using rig = await Rig.open(engine, { listen: [socket] });
        rig.serve(upstream.port);
        for (let round = 0; round < 20; round += 1) {
          const client = await rig.connect();
          client.send('x');
          await client.says('x');
        }
        await rig.counts({ open: 20 });
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    });

    it('refuses a port that another engine of several threads serves', async () => {
      await using first = await Rig.open(engine);
      await assert.rejects(Rig.open(engine, { listen: [first.address] }), {
        code: 'ST_LISTEN_FAILED',
        message: /EADDRINUSE/,
      });
      const client = await first.connect();
      await first.counts({ held: 1 });
      await client.close();
    });

    it('names the thread that gives no sign of life', async () => {
      const deaf = `
        import { workerData } from 'node:worker_threads';
        const { port } = workerData;
        port.on('message', ({ kind }) => { if (kind === 'stop') port.close(); });
        port.postMessage({ kind: 'ready' });`;
      const module = new URL(`data:text/javascript,${encodeURIComponent(deaf)}`);
      const live = await EpollEngine.start({ threads, fatal });
      const dead = await EpollEngine.start({ threads: 1, fatal, thread: { module, data: undefined } });
      try {
        assert.deepEqual(await live.alive(patienceMs), []);
        assert.deepEqual(await dead.alive(20), ['relay thread 0']);
      } finally {
        await Promise.all([live.close(), dead.close()]);
      }
    });

    it('drains and closes all of them', async () => {
      await using upstream = await Upstream.echo();
      await using rig = await Rig.open(engine);
      rig.serve(upstream.port);
      const clients = await Promise.all(Array.from({ length: 20 }, () => rig.connect()));
      await rig.counts({ open: 20 });
      const drained = rig.tunnel.drain();
      await eventually(async () => {
        await assert.rejects(Peer.connect(rig.address), { code: 'ECONNREFUSED' });
        return true;
      });
      for (const client of clients) client.end();
      await drained;
      await rig.endedBy('downstream', 20);
    });
  });

  describe('a process with an epoll engine', () => {
    it('ends when it is told to, though its threads are blocked', async () => {
      const module = new URL('../../../../src/relay/epoll-engine.js', import.meta.url).href;
      const script = `
        const { EpollEngine } = await import(${JSON.stringify(module)});
        await EpollEngine.start({ threads: 2, fatal() {} });
        setTimeout(() => process.exit(7), 100);`;
      await using child = await Child.spawn([process.execPath, '--input-type=module', '-e', script], {
        name: 'a process with an epoll engine',
      });
      const { code } = await child.exited;
      assert.equal(code, 7);
    });

    it('answers names through the event loop of the thread, which is blocked the rest of the time', async () => {
      const server = createServer((socket) => socket.pipe(socket));
      server.listen(0, 'localhost');
      await once(server, 'listening');
      const address = server.address();
      assert.ok(typeof address === 'object' && address !== null);
      await using rig = await Rig.open(engine);
      rig.tunnel.steer({ kind: 'serve', generation: 1, endpoint: { host: 'localhost', port: address.port } });
      const client = await rig.connect();
      client.send('by name');
      await client.says('by name');
      await client.close();
      server.close();
      await once(server, 'close');
    });

    it('tries a name that cannot be looked up again, and says so when the time is over', async () => {
      await using rig = await Rig.open(engine, { holdMs: 1000 });
      const endpoint = { host: unresolvable, port: 6379 };
      rig.tunnel.steer({ kind: 'serve', generation: 1, endpoint });
      const client = await rig.connect();
      await client.says('-LOADING sentinel-tunnel: the master of "mymaster"');
      const { code } = await rig.event('dial-failed');
      assert.match(code, /^(ENOTFOUND|EAI_AGAIN)$/);
    });

    it('reads on while a refused client talks, so that the reason reaches it', async () => {
      await using rig = await Rig.open(engine);
      rig.refuse(1, 'not now');
      const client = await rig.connect();
      client.send(Buffer.alloc(8 * 1024 * 1024));
      await client.says('-LOADING sentinel-tunnel: not now\r\n');
      assert.equal(await client.ended(), 'fin');
    });
  });
}
