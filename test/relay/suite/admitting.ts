import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'node:test';
import { it } from './it.ts';
import { Peer, Upstream } from './peer.ts';
import { loopback, Rig, type EngineUnderTest } from './rig.ts';

/** `nobody` on Debian; a number needs no name. */
const somebody = 65_534;
const isRoot = process.getuid?.() === 0;

export function describeAdmitting(engine: EngineUnderTest): void {
  describe('admitting', () => {
    it('lets in only clients of the networks that are allowed, and tells the others, the log and the counters', async () => {
      await using upstream = await Upstream.echo();
      await using rig = await Rig.open(engine, {
        listen: [{ address: loopback, allow: ['10.0.0.0/8', '127.0.0.2'] }],
      });
      rig.serve(upstream.port);
      await using stranger = await connectFrom('127.0.0.1', rig);
      await stranger.says("-DENIED sentinel-tunnel: this client's address is not allowed\r\n");
      await stranger.ended();
      await using friend = await connectFrom('127.0.0.2', rig);
      friend.send('x');
      await friend.says('x');
      assert.deepEqual(await rig.event('refused'), {
        kind: 'refused',
        reason: '127.0.0.1 is not allowed',
        count: 1,
      });
      await rig.counts({ open: 1, admitted: 2 });
      await rig.endedBy('refused', 1);
      assert.equal(upstream.peers.length, 1, 'nobody was dialled for the stranger');
    });

    it('takes a client that comes over IPv4 to an IPv6 listener for what it is', async () => {
      await using upstream = await Upstream.echo();
      const address = { kind: 'tcp', host: '::', port: 0 } as const;
      await using rig = await Rig.open(engine, { listen: [{ address, allow: ['127.0.0.0/8'] }] });
      rig.serve(upstream.port);
      assert.ok(rig.address.kind === 'tcp');
      const { port } = rig.address;
      await using friend = await Peer.connect({ kind: 'tcp', host: '127.0.0.1', port });
      friend.send('x');
      await friend.says('x');
      await using stranger = await Peer.connect({ kind: 'tcp', host: '::1', port });
      await stranger.says('not allowed');
      const { reason } = await rig.event('refused');
      assert.equal(reason, '::1 is not allowed');
    });

    it('gives a socket file its permissions and its owner before anybody can connect to it', async () => {
      using dir = new Directory();
      await using upstream = await Upstream.echo();
      const owner = isRoot ? `${somebody}:${somebody}` : `:${process.getgid?.() ?? 0}`;
      const listener = { address: { kind: 'unix', path: dir.path }, mode: 0o620, owner } as const;
      await using rig = await Rig.open(engine, { listen: [listener] });
      rig.serve(upstream.port);
      const stats = statSync(dir.path);
      assert.equal(stats.mode & 0o777, 0o620);
      if (isRoot) assert.deepEqual([stats.uid, stats.gid], [somebody, somebody]);
      const client = await rig.connect();
      client.send('x');
      await client.says('x');
      assert.ok(!existsSync(`${dir.path}.n`), 'nothing is left of the way there');
      await client.close();
      await rig.close();
      assert.ok(!existsSync(dir.path));
    });

    it('says which user there is not, and leaves nothing behind', async () => {
      using dir = new Directory();
      const listener = { address: { kind: 'unix', path: dir.path }, mode: undefined } as const;
      for (const [owner, message] of [
        ['nobody-here', /Unknown user "nobody-here" in \/etc\/passwd; use a number instead/],
        [':nobody-here', /Unknown group "nobody-here" in \/etc\/group/],
      ] as const) {
        await assert.rejects(Rig.open(engine, { listen: [{ ...listener, owner }] }), {
          code: 'ST_LISTEN_FAILED',
          message,
        });
        assert.ok(!existsSync(dir.path) && !existsSync(`${dir.path}.n`));
      }
    });

    it('binds where nobody else can come before the permissions are right, also over what was left there', async () => {
      using dir = new Directory();
      const listener = { address: { kind: 'unix', path: dir.path }, mode: 0o600 } as const;
      for (let round = 0; round < 2; round += 1) {
        await using rig = await Rig.open(engine, { listen: [listener] });
        assert.equal(rig.tunnel.listening.length, 1);
        await rig.close();
        dir.leaveFolder();
      }
    });
  });
}

async function connectFrom(localAddress: string, rig: Rig): Promise<Peer> {
  assert.ok(rig.address.kind === 'tcp');
  const { host, port } = rig.address;
  const socket = connect({ host, port, localAddress, allowHalfOpen: true, noDelay: true });
  const peer = new Peer(socket);
  await once(socket, 'connect');
  return peer;
}

class Directory {
  readonly #dir = mkdtempSync(join(tmpdir(), 'st-'));
  readonly path = join(this.#dir, 's.sock');

  /** As a process leaves it that is killed on its way. */
  leaveFolder(): void {
    rmSync(`${this.path}.n`, { recursive: true, force: true });
    mkdirSync(`${this.path}.n`);
    chmodSync(`${this.path}.n`, 0o777);
  }

  [Symbol.dispose](): void {
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
