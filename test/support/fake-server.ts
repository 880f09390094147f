import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Buffer } from 'node:buffer';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './free-port.ts';
import { encodeReply, RespDecoder, type Reply } from './resp.ts';

/**
 * Answers one command: a reply to encode, bytes to send as they are, or `'hang'` for no answer, `'close'` for a
 * FIN instead of one.
 */
export type Answer = { readonly reply: Reply } | { readonly raw: string | Uint8Array } | 'hang' | 'close';
export type Answering = (command: readonly string[], connection: FakeConnection) => Answer;

/** How bytes leave: as they are, or each in a packet of its own. */
export type Chunking = 'whole' | 'bytes';

/** What a server does with a connection before any command. */
export interface Manners {
  /** Sent as soon as a connection is accepted. */
  readonly greeting?: string | Uint8Array;
  /** `hang`: reads nothing and says nothing. `close`: closes at once, after the greeting if there is one. */
  readonly accept?: 'serve' | 'hang' | 'close';
  readonly chunking?: Chunking;
  /** Every answer comes so much later, as from a busy host; in milliseconds. Announcements do not. */
  readonly answerMs?: number;
  readonly host?: string;
  readonly port?: number;
}

/** A scripted TCP server that speaks RESP2 and says what a real one cannot. */
export class FakeServer implements AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** Every command of every connection, in the order of arrival, its first word in upper case. */
  readonly asked: (readonly string[])[] = [];
  /** Changed at any time: the next command is answered by it. */
  answer: Answering;
  /** Changed at any time: holds for the connections accepted from then on. */
  manners: Manners;
  readonly #server: Server;
  readonly #connections = new Set<FakeConnection>();
  #accepted = 0;

  static async listen(answer: Answering, manners: Manners = {}): Promise<FakeServer> {
    const host = manners.host ?? '127.0.0.1';
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    // One that nobody else gets when it closes, for a while or for good.
    server.listen(manners.port ?? (await freePort(host)), host);
    await once(server, 'listening');
    // a server listening on TCP always has an AddressInfo
    return new FakeServer(server, server.address() as AddressInfo, answer, manners);
  }

  protected constructor(server: Server, address: AddressInfo, answer: Answering, manners: Manners) {
    this.host = address.address;
    this.port = address.port;
    this.answer = answer;
    this.manners = manners;
    this.#server = server;
    server.on('connection', (socket) => {
      this.#accept(socket);
    });
  }

  /** How many connections were accepted so far. */
  get accepted(): number {
    return this.#accepted;
  }

  /** The connections that are open now. */
  get connections(): readonly FakeConnection[] {
    return [...this.#connections];
  }

  /** How often a command was asked, by its first words: `count('SENTINEL', 'master')`. Case does not matter. */
  count(...words: string[]): number {
    const wanted = words.map((word) => word.toLowerCase());
    return this.asked.filter((command) =>
      wanted.every((word, index) => command[index]?.toLowerCase() === word),
    ).length;
  }

  /** Sends a pub/sub message on every connection that subscribed to the channel, and says to how many. */
  publish(channel: string, payload: string): number {
    const subscribers = this.connections.filter((connection) => connection.channels.has(channel));
    for (const subscriber of subscribers) subscriber.send(encodeReply(['message', channel, payload]));
    return subscribers.length;
  }

  /** Cuts every open connection with a reset, and goes on listening. */
  cutAll(): void {
    for (const connection of this.#connections) connection.socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    for (const connection of this.#connections) connection.socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #accept(socket: Socket): void {
    this.#accepted++;
    const { accept = 'serve', chunking = 'whole', greeting } = this.manners;
    const connection = new FakeConnection(socket, chunking);
    this.#connections.add(connection);
    socket.once('close', () => this.#connections.delete(connection));
    socket.on('error', () => socket.destroy()); // resets are part of the play
    if (accept === 'hang') return;
    if (greeting !== undefined) connection.send(greeting);
    if (accept === 'close') {
      connection.close();
      return;
    }
    const decoder = new RespDecoder();
    socket.on('data', (chunk) => {
      for (const command of decoder.push(chunk)) this.#serve(connection, words(command));
    });
    socket.once('end', () => {
      connection.end();
    });
  }

  #serve(connection: FakeConnection, [name = '', ...rest]: string[]): void {
    const command = [name.toUpperCase(), ...rest];
    this.asked.push(command);
    const answer = this.answer(command, connection);
    if (answer === 'hang') return;
    const { answerMs } = this.manners;
    if (answer === 'close') connection.end();
    else connection.send('raw' in answer ? answer.raw : encodeReply(answer.reply), answerMs);
  }
}

/** One accepted connection of a fake. */
export class FakeConnection {
  readonly socket: Socket;
  /** What it has subscribed to. */
  readonly channels = new Set<string>();
  readonly #chunking: Chunking;
  #sending: Promise<void> = Promise.resolve();

  constructor(socket: Socket, chunking: Chunking) {
    this.socket = socket;
    this.#chunking = chunking;
  }

  /** @param afterMs not before this has passed, in milliseconds */
  send(data: string | Uint8Array, afterMs = 0): void {
    const due = afterMs === 0 ? undefined : sleep(afterMs);
    this.#sending = this.#sending.then(async () => {
      await due;
      await this.#send(Buffer.from(data));
    });
  }

  /** Closes for writing, after what is still to be sent. */
  end(): void {
    this.#sending = this.#sending.then(() => {
      this.socket.end();
    });
  }

  /** Closes both ways, after what is still to be sent. */
  close(): void {
    this.#sending = this.#sending.then(() => {
      this.socket.destroySoon();
    });
  }

  async #send(bytes: Buffer): Promise<void> {
    if (this.#chunking === 'whole') {
      if (this.socket.writable) this.socket.write(bytes);
      return;
    }
    for (const byte of bytes) {
      if (!this.socket.writable) return;
      this.socket.write(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve)); // or the kernel would join them to one packet
    }
  }
}

function words(command: Reply): string[] {
  if (!Array.isArray(command))
    throw new Error(`A fake was asked something that is no command: ${String(command)}`);
  return command.map(String);
}
