import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { randomInt } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { cannotNameHosts } from './hosts-file.ts';

/** Why no process can be given a name server of its own here, for the `skip` option of a test; false when it can. */
export async function cannotServeNames(): Promise<string | false> {
  if (process.getuid?.() !== 0) return 'serving names on port 53 takes root';
  return await cannotNameHosts();
}

/**
 * A name server on a loopback address, and the only one for the processes that are started with its prefix: they have a
 * hosts file, a `resolv.conf` and an `nsswitch.conf` of their own. It knows IPv4 addresses only.
 */
export class NameServer implements AsyncDisposable {
  /** Goes before a command line to run it with this name server. Its process has the id of the command. */
  readonly prefix: readonly string[];
  /** The address of each name. Nothing else exists. */
  readonly addresses = new Map<string, string>();
  /** Whether it drops every question, as a name server behind a broken network does. */
  isSilent = false;
  readonly #dir: string;
  readonly #socket: Socket;
  readonly #asked: string[] = [];

  /** @param hosts the names of the hosts file */
  static async start(hosts: Readonly<Record<string, string>> = {}): Promise<NameServer> {
    const dir = await mkdtemp(join(tmpdir(), 'st-names-'));
    const socket = createSocket('udp4');
    const address = `127.53.${String(randomInt(1, 255))}.${String(randomInt(1, 255))}`;
    const lines = Object.entries(hosts).map(([name, host]) => `${host} ${name}\n`);
    await writeFile(join(dir, 'hosts'), `127.0.0.1 localhost\n${lines.join('')}`);
    await writeFile(join(dir, 'resolv.conf'), `nameserver ${address}\n`);
    await writeFile(join(dir, 'nsswitch.conf'), 'hosts: files dns\n');
    socket.bind(53, address);
    await once(socket, 'listening');
    return new NameServer(dir, socket);
  }

  private constructor(dir: string, socket: Socket) {
    this.#dir = dir;
    this.#socket = socket;
    const mounts = ['hosts', 'resolv.conf', 'nsswitch.conf'].map(
      (file) => `mount --bind "$0/${file}" /etc/${file}`,
    );
    this.prefix = ['unshare', '--mount', 'sh', '-c', [...mounts, 'exec "$@"'].join(' && '), dir];
    socket.on('message', (question, { port, address }) => {
      const reply = this.#reply(question);
      if (reply) socket.send(reply, port, address);
    });
  }

  /** How often it was asked for a name, by whatever means. */
  timesAsked(name: string): number {
    return this.#asked.filter((each) => each === name).length;
  }

  /** RFC 1035, 4.1: a header of 12 bytes, the name as labels that end with an empty one, its type and its class. */
  #reply(question: Buffer): Buffer | undefined {
    const labels: string[] = [];
    let at = 12;
    for (let length = question[at] ?? 0; length > 0; length = question[at] ?? 0) {
      labels.push(question.toString('latin1', at + 1, at + 1 + length));
      at += 1 + length;
    }
    const name = labels.join('.');
    const wantsIPv4 = question.readUInt16BE(at + 1) === 1;
    if (wantsIPv4) this.#asked.push(name);
    if (this.isSilent) return undefined;
    const address = this.addresses.get(name);
    const header = Buffer.from(question.subarray(0, 12));
    header.writeUInt16BE(address === undefined ? 0x8183 : 0x8180, 2);
    const answers = address !== undefined && wantsIPv4 ? 1 : 0;
    for (const [index, count] of [1, answers, 0, 0].entries()) header.writeUInt16BE(count, 4 + 2 * index);
    const parts = [header, question.subarray(12, at + 5)];
    // A pointer to the name, A, IN, for 0 seconds, 4 bytes.
    if (answers > 0) {
      parts.push(Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]));
      parts.push(Buffer.from((address ?? '').split('.').map(Number)));
    }
    return Buffer.concat(parts);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#socket, 'close');
    this.#socket.close();
    await closed;
    await rm(this.#dir, { recursive: true, force: true });
  }
}
