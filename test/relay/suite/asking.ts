import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { eventually } from '../../support/index.ts';
import { it } from './it.ts';
import { mulberry32 } from './mulberry32.ts';
import { Upstream, type Peer } from './peer.ts';
import { Rig, type EngineUnderTest } from './rig.ts';

const seed = Number(process.env['RELAY_SEED'] ?? 20_261_123);
const clientsAtOnce = 40;
const idBytes = 4;
/** Before 1.52 (Node 20 and 22) libuv tells of an end where a reset lies behind bytes that have not been read yet. */
const tellsResets = isAtLeast(process.versions.uv, 1, 52);
/** Every byte that is said has a value by where in which conversation it stands, so none can be mistaken for another. */
const directions = { request: 1, reply: 2 } as const;

/**
 * Conversations in which one asks and the other answers, most of it short: what a database is used for. Some end in the middle
 * of it, by a reset on either side or by a cut.
 */
export function describeAsking(engine: EngineUnderTest, conversations = 300): void {
  describe('asking and answering', () => {
    it(`answers ${conversations} clients with what is theirs, in order and once, seed ${seed}`, async (test) => {
      test.diagnostic(`RELAY_SEED=${seed}`);
      const random = mulberry32(seed);
      const faults: string[] = [];
      const servers = new Map<Peer, Server>();
      const brokenOff = new Set<number>();
      await using upstream = await Upstream.start(
        (peer, chunk) => {
          const server =
            servers.get(peer) ?? servers.set(peer, new Server(peer, random, faults, brokenOff)).get(peer);
          server?.take(chunk);
        },
        { endsToo: true },
      );
      await using rig = await Rig.open(engine);
      let generation = 1;
      rig.serve(upstream.port, generation);
      let next = 0;
      let whole = 0;
      const converse = async (): Promise<void> => {
        while (next < conversations) {
          const id = (next += 1);
          if (id % 100 === 0) rig.serve(upstream.port, (generation += 1));
          const client = new Client(id, random, faults);
          const begun = generation;
          try {
            await client.run(rig);
          } catch (error) {
            if (!isReset(error)) throw error; // a cut may come as soon as it is connected
          }
          if (client.isWhole) whole += 1;
          // A client is not told how its server broke off.
          const mayBeCut = begun !== generation && !tellsResets;
          if (client.isCutShort && !mayBeCut && !brokenOff.has(id)) faults.push(String(client));
        }
      };
      await Promise.all(Array.from({ length: clientsAtOnce }, converse));
      await rig.counts({ open: 0 });
      assert.deepEqual(faults, []);
      assert.ok(whole > conversations / 4, `${whole} conversations came to their end`);
      // Whatever the engine has to let go of, it has had turns enough to do so.
      for (let turns = 0; turns < 50; turns += 1) await rig.engine.alive(10_000);
    });
  });
}

/** What is asked and answered in a conversation: lengths, for the content follows from where it stands. */
function script(id: number): { readonly asks: number; length(direction: number, exchange: number): number } {
  return {
    asks: 5 + (mix(id, 7, 1) % 60),
    length(direction, exchange) {
      const kind = mix(id, exchange, direction) % 400;
      const size = mix(id, exchange, direction + 2);
      if (kind === 0) return 200_000 + (size % 200_000);
      if (kind < 12) return 400 + (size % 20_000);
      return 1 + (size % 120);
    },
  };
}

class Client {
  readonly #id: number;
  readonly #random: () => number;
  readonly #faults: string[];
  readonly #script: ReturnType<typeof script>;
  #asked = 0;
  #said = 0;
  #heard = 0;
  #wanted = 0;
  /** Everything that was asked has been answered, and then it has ended. */
  isWhole = false;
  /** It has been ended in good order, but not with everything. */
  isCutShort = false;

  constructor(id: number, random: () => number, faults: string[]) {
    this.#id = id;
    this.#random = random;
    this.#faults = faults;
    this.#script = script(id);
  }

  async run(rig: Rig): Promise<void> {
    const peer = await rig.connect((_, chunk) => {
      check(chunk, this.#id, directions.reply, this.#heard, this.#faults);
      this.#heard += chunk.length;
      if (this.#heard > this.#wanted) this.#faults.push(`${this.#id} hears more than was asked for`);
      if (this.#heard === this.#wanted) this.#goOn(peer);
      dawdle(peer, this.#random);
    });
    const id = Buffer.alloc(idBytes);
    id.writeUInt32LE(this.#id);
    peer.send(id);
    this.#goOn(peer);
    const ending = await eventually(() => peer.ending, { withinMs: 30_000, everyMs: 5 });
    this.isWhole = ending === 'fin' && this.#asked === this.#script.asks && this.#heard === this.#wanted;
    this.isCutShort = ending === 'fin' && peer.socket.writableEnded && !this.isWhole;
    await peer.close();
  }

  toString(): string {
    return `${this.#id} has heard ${this.#heard} of ${this.#wanted}`;
  }

  /** Asks for one or for several things at once; ends after the last, sometimes without waiting for its answer. */
  #goOn(peer: Peer): void {
    if (peer.socket.writableEnded || peer.socket.destroyed) return;
    if (this.#asked === this.#script.asks) {
      peer.end();
      return;
    }
    if (this.#random() < 0.005) {
      peer.reset();
      return;
    }
    const upTo = Math.min(
      this.#script.asks,
      this.#asked + (this.#random() < 0.7 ? 1 : 1 + Math.floor(this.#random() * 6)),
    );
    while (this.#asked < upTo) {
      const length = this.#script.length(directions.request, this.#asked);
      this.#wanted += this.#script.length(directions.reply, this.#asked);
      this.#asked += 1;
      peer.send(words(this.#id, directions.request, this.#said, length));
      this.#said += length;
    }
    if (this.#asked === this.#script.asks && this.#random() < 0.3) peer.end();
  }
}

class Server {
  readonly #peer: Peer;
  readonly #random: () => number;
  readonly #faults: string[];
  readonly #brokenOff: Set<number>;
  #first = Buffer.alloc(0);
  #id = 0;
  #script = script(0);
  #heard = 0;
  #said = 0;
  #answered = 0;
  /** What has to be heard before the next answer. */
  #due = 0;

  /** @param brokenOff the conversations that it has broken off */
  constructor(peer: Peer, random: () => number, faults: string[], brokenOff: Set<number>) {
    this.#brokenOff = brokenOff;
    this.#peer = peer;
    this.#random = random;
    this.#faults = faults;
  }

  take(chunk: Buffer): void {
    if (this.#id === 0) {
      this.#first = Buffer.concat([this.#first, chunk]);
      if (this.#first.length < idBytes) return;
      this.#id = this.#first.readUInt32LE();
      this.#script = script(this.#id);
      this.#due = this.#script.length(directions.request, 0);
      this.#hear(this.#first.subarray(idBytes));
    } else this.#hear(chunk);
    dawdle(this.#peer, this.#random);
  }

  #hear(chunk: Buffer): void {
    check(chunk, this.#id, directions.request, this.#heard, this.#faults);
    this.#heard += chunk.length;
    while (this.#answered < this.#script.asks && this.#heard >= this.#due) {
      if (this.#random() < 0.001) {
        this.#brokenOff.add(this.#id);
        this.#peer.reset();
        return;
      }
      const length = this.#script.length(directions.reply, this.#answered);
      this.#peer.send(words(this.#id, directions.reply, this.#said, length));
      this.#said += length;
      this.#answered += 1;
      this.#due += this.#script.length(directions.request, this.#answered);
    }
  }
}

function isAtLeast(version: string, major: number, minor: number): boolean {
  const [ofMajor = 0, ofMinor = 0] = version.split('.').map(Number);
  return ofMajor > major || (ofMajor === major && ofMinor >= minor);
}

function isReset(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ECONNRESET';
}

/** Reads with pauses, now and then. */
function dawdle({ socket }: Peer, random: () => number): void {
  if (random() > 0.01) return;
  socket.pause();
  setTimeout(() => socket.resume(), random() * 10);
}

function words(id: number, direction: number, from: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; at += 1) bytes[at] = byteAt(id, direction, from + at);
  return bytes;
}

function check(chunk: Buffer, id: number, direction: number, from: number, faults: string[]): void {
  for (let at = 0; at < chunk.length; at += 1) {
    if (chunk[at] === byteAt(id, direction, from + at)) continue;
    faults.push(`${id}, direction ${direction}: wrong byte at ${from + at}`);
    return;
  }
}

function byteAt(id: number, direction: number, at: number): number {
  return (mix(id, at >>> 2, direction) >>> ((at & 3) * 8)) & 0xff;
}

/** Three numbers as one that looks random (the finalizer of MurmurHash3, public domain). */
function mix(a: number, b: number, c: number): number {
  let hash = (Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b) ^ Math.imul(c, 0xc2b2ae35)) | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
