import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe } from 'node:test';
import { Child, eventually, eventuallyPasses, freePort } from '../../support/index.ts';
import type { TunnelCounters, TunnelEvent } from '../../../src/relay/core/engine.ts';
import { it } from './it.ts';
import { Peer, Upstream } from './peer.ts';
import { Rig, type EngineUnderTest } from './rig.ts';

const onLinux = { skip: process.platform !== 'linux' };

export function describeDescriptors(engine: EngineUnderTest): void {
  describe('descriptors', () => {
    it(
      'gives every one back, however sessions end',
      async () => {
        await using upstream = await Upstream.echo();
        const nobody = await freePort();
        await using rig = await Rig.open(engine);
        const before = descriptors();
        for (let round = 1; round <= 5; round += 1) {
          rig.serve(upstream.port, round * 10);
          const clients = await Promise.all(Array.from({ length: 40 }, () => rig.connect()));
          for (const client of clients) client.send('x');
          await Promise.all(clients.map((client) => client.says('x')));
          for (const client of clients.slice(0, 10)) client.end();
          for (const client of clients.slice(10, 20)) client.reset();
          await rig.counts({ open: 20 });
          rig.serve(nobody, round * 10 + 1);
          await Promise.all(clients.slice(20).map((client) => client.ended()));
          const dialling = await Promise.all(Array.from({ length: 10 }, () => rig.connect()));
          await eventually(() => rig.tunnel.counters().dialFailures >= 10 * round);
          rig.refuse(round * 10 + 2);
          await Promise.all(dialling.map((client) => client.ended()));
          await Promise.all([...clients, ...dialling].map((client) => client.close()));
          await Promise.all(upstream.peers.splice(0).map((peer) => peer.close()));
        }
        await eventuallyPasses(() => {
          assert.equal(descriptors(), before);
        });
      },
      onLinux,
    );

    it(
      'outlives having no descriptors left, says so, and recovers',
      async () => {
        await using upstream = await Upstream.echo();
        await using limited = await LimitedEngine.start(engine, upstream.port);
        const first = await limited.connect();
        first.send('a');
        await first.says('a');
        const crowd = await Promise.all(Array.from({ length: 200 }, () => limited.connect()));
        for (const client of crowd) client.send('x');
        await limited.tells('accept-paused');
        first.send('b');
        await first.says('ab');
        for (const client of crowd) {
          // Each is served, waits in the kernel or was told why; none was closed without a word.
          if (client.ending !== undefined) assert.match(client.text, /^-LOADING sentinel-tunnel: .*\r\n$/);
        }
        await Promise.all(crowd.map((client) => client.close()));
        await limited.tells('accept-resumed');
        const late = await limited.connect();
        late.send('c');
        await late.says('c');
        first.send('d');
        await first.says('abd');
        const counters = await limited.counters();
        assert.ok(counters.acceptErrors > 0);
      },
      onLinux,
    );
  });
}

function descriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/** The engine in a process of its own that may open few files. */
class LimitedEngine implements AsyncDisposable {
  readonly #child: Child;
  readonly #lines: string[];
  readonly #port: number;
  readonly #clients: Peer[] = [];

  static async start({ module }: EngineUnderTest, upstreamPort: number): Promise<LimitedEngine> {
    const script = new URL('./limited-child.js', import.meta.url).pathname;
    const lines: string[] = [];
    const child = await Child.spawn(
      [
        '/bin/sh',
        '-c',
        'ulimit -n 80; exec "$0" "$@"',
        process.execPath,
        script,
        module,
        String(upstreamPort),
      ],
      { name: 'an engine with few descriptors', onLine: (line) => lines.push(line) },
    );
    const port = await eventually(() => {
      const line = lines.find((text) => text.startsWith('{"port"'));
      return line !== undefined && (JSON.parse(line) as { port: number }).port;
    });
    return new LimitedEngine(child, lines, port);
  }

  private constructor(child: Child, lines: string[], port: number) {
    this.#child = child;
    this.#lines = lines;
    this.#port = port;
  }

  async connect(): Promise<Peer> {
    const client = await Peer.connect({ kind: 'tcp', host: '127.0.0.1', port: this.#port });
    this.#clients.push(client);
    return client;
  }

  async tells(kind: TunnelEvent['kind']): Promise<void> {
    await eventually(() => this.#lines.some((line) => line.includes(`"${kind}"`)));
  }

  /** The counters as the child prints them next. */
  counters(): Promise<TunnelCounters> {
    const from = this.#lines.length;
    return eventually(() => {
      const line = this.#lines.slice(from).find((text) => text.startsWith('{"counters"'));
      return line !== undefined && (JSON.parse(line) as { counters: TunnelCounters }).counters;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
    await this.#child.kill();
  }
}
