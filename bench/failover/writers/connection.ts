import { connect, type Socket } from 'node:net';
import { encodeCommand, ReplyError, RespDecoder, type Reply } from '../../../test/support/resp.ts';
import { nowMs } from '../../lib/clock.ts';

export interface ConnectionPort {
  reply(reply: Reply, sentMs: number): void;
  /** Once, whatever the reason; `served` tells whether it ever gave a reply. */
  closed(kind: string, served: boolean): void;
}

/**
 * A connection of an ordinary, eager client. Its first command, sent together with the first write, asks the server
 * for its own port: only so can a client behind a relay say which server acknowledged what.
 */
export class Connection {
  /** The server's own port, once it has said so. */
  serverPort = 0;
  readonly #socket: Socket;
  readonly #sent: number[] = [];
  readonly #openedMs = nowMs();
  #isClosed = false;
  #isConnected = false;
  #replies = 0;

  constructor(port: number, owner: ConnectionPort, firstReply: (waitedMs: number) => void) {
    const decoder = new RespDecoder();
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket = socket;
    socket.on('connect', () => {
      this.#isConnected = true;
    });
    socket.on('data', (chunk) => {
      for (const reply of decoder.push(chunk)) {
        if (this.#isClosed) return;
        this.#replies += 1;
        if (this.#replies === 1) {
          firstReply(nowMs() - this.#openedMs);
          if (Array.isArray(reply)) {
            this.serverPort = Number(reply[1]);
            continue;
          }
          // A refusal answers the connection as a whole and not one of its commands.
          const refusal = reply instanceof ReplyError ? reply.message : 'reply out of turn';
          this.#close(`refused: ${refusal}`.slice(0, 70), owner);
          return;
        }
        owner.reply(reply, this.#sent.shift() ?? NaN);
      }
    });
    socket.on('end', () => {
      this.#close('cut (FIN)', owner);
    });
    socket.on('error', (error) => {
      const code = 'code' in error ? String(error.code) : error.message;
      const isCut = this.#isConnected && (code === 'ECONNRESET' || code === 'EPIPE');
      this.#close(isCut ? 'cut (RST)' : code, owner);
    });
    socket.on('close', () => {
      this.#close('cut', owner);
    });
    socket.write(encodeCommand(['CONFIG', 'GET', 'port']));
  }

  append(key: string, value: string): void {
    this.#sent.push(nowMs());
    this.#socket.write(encodeCommand(['RPUSH', key, value]));
  }

  destroy(): void {
    this.#isClosed = true;
    this.#socket.destroy();
  }

  #close(kind: string, owner: ConnectionPort): void {
    if (this.#isClosed) return;
    this.destroy();
    const isUnserved = this.#isConnected && this.#replies === 0;
    owner.closed(isUnserved ? `${kind} before a reply` : kind, this.#replies > 0);
  }
}
