import assert from 'node:assert/strict';
import { createHash, type Hash } from 'node:crypto';
import { describe } from 'node:test';
import type { Socket } from 'node:net';
import { eventually } from '../../support/index.ts';
import { it } from './it.ts';
import { mulberry32 } from './mulberry32.ts';
import { Upstream } from './peer.ts';
import { Rig, type EngineUnderTest } from './rig.ts';

const sessions = 60;
const seed = Number(process.env['RELAY_SEED'] ?? 20_261_123);

export function describeExactness(engine: EngineUnderTest): void {
  describe('exactness', () => {
    it(`carries every byte of ${sessions} random conversations, seed ${seed}`, async (test) => {
      test.diagnostic(`RELAY_SEED=${seed}`);
      const random = mulberry32(seed);
      const replies = new Map<string, string>();
      const requests = new Map<string, string>();
      await using upstream = await Upstream.start((peer, chunk) => {
        const talk = talks.get(peer.socket) ?? talks.set(peer.socket, new Talk()).get(peer.socket);
        talk?.take(chunk);
      });
      const talks = new Map<Socket, Talk>();
      await using rig = await Rig.open(engine);
      rig.serve(upstream.port);
      const pairs: { readonly client: Talk; readonly server: Talk }[] = [];
      const sockets: { readonly ours: Socket; readonly theirs: Socket }[] = [];
      // All of them first: once a server has ended a session, the next dial may be taken back and made again.
      for (let index = 0; index < sessions; index += 1) {
        const client = new Talk();
        const connected = await rig.connect((_, chunk) => {
          client.take(chunk);
        });
        const peer = await upstream.peer(index);
        const server = new Talk();
        talks.set(peer.socket, server);
        pairs.push({ client, server });
        sockets.push({ ours: connected.socket, theirs: peer.socket });
        connected.socket.on('end', () => {
          client.isOver = true;
        });
        peer.socket.on('end', () => {
          server.isOver = true;
        });
      }
      for (const [index, { client, server }] of pairs.entries()) {
        const { ours, theirs } = sockets[index] ?? {};
        assert.ok(ours && theirs);
        client.speak(ours, random, randomBytesOf(random));
        server.speak(theirs, random, randomBytesOf(random));
        for (const socket of [ours, theirs]) dawdle(socket, random);
      }
      await eventually(
        () => {
          const left = pairs.filter(({ client, server }) => !client.isOver || !server.isOver).length;
          if (left > 0) throw new Error(`${left} conversations go on`);
          return true;
        },
        { withinMs: 45_000 },
      );
      for (const [index, { client, server }] of pairs.entries()) {
        assert.equal(server.heardBytes, client.saidBytes, `length upstream of ${index}, seed ${seed}`);
        assert.equal(client.heardBytes, server.saidBytes, `length downstream of ${index}, seed ${seed}`);
        requests.set(client.said(), server.heard());
        replies.set(server.said(), client.heard());
      }
      for (const [said, heard] of [...requests, ...replies]) assert.equal(heard, said, `seed ${seed}`);
      await rig.counts({
        open: 0,
        upstreamBytes: sum(pairs.map(({ client }) => client.saidBytes)),
        downstreamBytes: sum(pairs.map(({ server }) => server.saidBytes)),
      });
    });
  });
}

/** What one side of a conversation said and heard. */
class Talk {
  saidBytes = 0;
  heardBytes = 0;
  isOver = false;
  readonly #said: Hash = createHash('sha1');
  readonly #heard: Hash = createHash('sha1');

  take(chunk: Buffer): void {
    this.#heard.update(chunk);
    this.heardBytes += chunk.length;
  }

  said(): string {
    return this.#said.digest('hex');
  }

  heard(): string {
    return this.#heard.digest('hex');
  }

  /** Writes random bytes in random pieces with random pauses, then half-closes. */
  speak(socket: Socket, random: () => number, total: number): void {
    const step = (): void => {
      if (this.saidBytes >= total) {
        socket.end();
        return;
      }
      const ceiling = random() < 0.5 ? 200 : 200_000;
      const chunk = Buffer.allocUnsafe(Math.min(total - this.saidBytes, 1 + Math.floor(random() * ceiling)));
      for (let at = 0; at < chunk.length; at += 1) chunk[at] = (random() * 256) | 0;
      this.#said.update(chunk);
      this.saidBytes += chunk.length;
      const isTaken = socket.write(chunk);
      if (!isTaken && random() < 0.7) socket.once('drain', step);
      else if (random() < 0.3) setTimeout(step, random() * 10);
      else setImmediate(step);
    };
    step();
  }
}

/** Reads with pauses. */
function dawdle(socket: Socket, random: () => number): void {
  socket.on('data', () => {
    if (random() > 0.05) return;
    socket.pause();
    setTimeout(() => socket.resume(), random() * 20);
  });
}

function randomBytesOf(random: () => number): number {
  return Math.floor(random() < 0.5 ? random() * 2000 : random() * 600_000);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
