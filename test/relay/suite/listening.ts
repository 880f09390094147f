import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'node:test';
import { formatListenAddress, type ListenAddress } from '../../../src/net/endpoint.ts';
import { Child, eventually, freePort } from '../../support/index.ts';
import { it } from './it.ts';
import { Peer, Upstream } from './peer.ts';
import { loopback, Rig, type EngineUnderTest } from './rig.ts';

export function describeListening(engine: EngineUnderTest): void {
  describe('listening', () => {
    it('says which addresses it has bound, in the order asked for', async () => {
      await using upstream = await Upstream.echo();
      await using rig = await Rig.open(engine, {
        listen: [loopback, { kind: 'tcp', host: '::1', port: 0 }, loopback],
      });
      rig.serve(upstream.port);
      const { listening } = rig.tunnel;
      assert.deepEqual(
        listening.map((address) => address.kind === 'tcp' && address.host),
        ['127.0.0.1', '::1', '127.0.0.1'],
      );
      for (const address of listening) {
        assert.ok(address.kind === 'tcp' && address.port > 0);
        await using client = await Peer.connect(address);
        client.send('x');
        await client.says('x');
      }
    });

    it('names the address that is taken, and binds nothing then', async () => {
      await using taken = await Upstream.start();
      const port = await freePort();
      const listen: ListenAddress[] = [
        { kind: 'tcp', host: '127.0.0.1', port },
        { kind: 'tcp', host: '127.0.0.1', port: taken.port },
      ];
      await assert.rejects(Rig.open(engine, { listen }), (error: Error & { code?: string }) => {
        assert.equal(error.code, 'ST_LISTEN_FAILED');
        assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${taken.port}`));
        return true;
      });
      await assert.rejects(Peer.connect({ kind: 'tcp', host: '127.0.0.1', port }), { code: 'ECONNREFUSED' });
    });

    it('listens on a socket file, and removes it at close', async () => {
      using dir = new Directory();
      await using upstream = await Upstream.echo();
      await using rig = await Rig.open(engine, { listen: [dir.socket] });
      assert.deepEqual(rig.tunnel.listening, [dir.socket]);
      rig.serve(upstream.port, 1);
      const client = await rig.connect();
      client.send('through a file');
      await client.says('through a file');
      rig.hold(2);
      await client.ended(1000);
      await rig.endedBy('evicted', 1);
      const refused = await rig.connect();
      rig.refuse(2, 'not now');
      await refused.says('-LOADING sentinel-tunnel: not now\r\n');
      await rig.close();
      assert.equal(existsSync(dir.path), false);
    });

    it('takes over a socket file that nobody serves', async () => {
      using dir = new Directory();
      await leaveStale(dir.path);
      assert.ok(statSync(dir.path).isSocket());
      await using upstream = await Upstream.echo();
      await using rig = await Rig.open(engine, { listen: [dir.socket] });
      rig.serve(upstream.port);
      const client = await rig.connect();
      client.send('x');
      await client.says('x');
    });

    it('never touches a socket file that another serves, nor another file', async () => {
      using dir = new Directory();
      const server = createServer();
      server.listen(dir.path);
      await once(server, 'listening');
      await assert.rejects(Rig.open(engine, { listen: [dir.socket] }), {
        code: 'ST_LISTEN_FAILED',
        message: new RegExp(formatListenAddress(dir.socket)),
      });
      await using client = await Peer.connect(dir.socket);
      await client.close();
      await new Promise((resolve) => server.close(resolve));
      writeFileSync(dir.path, 'precious');
      await assert.rejects(Rig.open(engine, { listen: [dir.socket] }), { code: 'ST_LISTEN_FAILED' });
      assert.equal(statSync(dir.path).size, 8);
    });

    it('leaves a socket file alone that has taken the place of its own', async () => {
      using dir = new Directory();
      await using rig = await Rig.open(engine, { listen: [dir.socket] });
      rmSync(dir.path);
      const server = createServer();
      server.listen(dir.path);
      await once(server, 'listening');
      await rig.close();
      assert.ok(existsSync(dir.path));
      await new Promise((resolve) => server.close(resolve));
    });
  });
}

class Directory {
  readonly #dir = mkdtempSync(join(tmpdir(), 'st-'));
  readonly path = join(this.#dir, 's.sock');
  readonly socket: ListenAddress = { kind: 'unix', path: this.path };

  [Symbol.dispose](): void {
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

/** Leaves a socket file behind, as a server that was killed does. */
async function leaveStale(path: string): Promise<void> {
  const script = `require('node:net').createServer().listen(process.argv[1], () => console.log('up'))`;
  let isUp = false;
  await using child = await Child.spawn([process.execPath, '-e', script, path], {
    name: 'a server with a socket file',
    onLine: () => {
      isUp = true;
    },
  });
  await eventually(() => isUp);
  child.signal('SIGKILL');
  await child.exited;
}
