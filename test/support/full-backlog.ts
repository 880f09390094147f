import { createConnection, type Socket } from 'node:net';
import { Child } from './child.ts';
import { eventually } from './eventually.ts';

const listener = `
  const server = require('node:net').createServer();
  server.listen({ host: process.argv[1], port: 0, backlog: 1 }, () => console.log(server.address().port));
`;

/**
 * A loopback listener that answers no SYN: an address that cannot be reached, without leaving the machine.
 *
 * It never accepts (it is stopped), and its accept queue is full; Linux drops a SYN for which the queue has no
 * room (tcp_conn_request, sk_acceptq_is_full) instead of refusing it.
 */
export class FullBacklog implements AsyncDisposable {
  readonly host = '127.0.0.1';
  readonly port: number;
  readonly #child: Child;
  readonly #fillers: readonly Socket[];

  static async start(): Promise<FullBacklog> {
    const lines: string[] = [];
    const child = await Child.spawn([process.execPath, '-e', listener, '127.0.0.1'], {
      name: 'full backlog',
      onLine: (line) => lines.push(line),
    });
    const port = await eventually(() => lines[0] !== undefined && Number(lines[0]));
    child.signal('SIGSTOP');
    const fillers: Socket[] = [];
    // The first that is not answered shows that the queue is full.
    for (;;) {
      const filler = createConnection({ host: '127.0.0.1', port });
      filler.on('error', () => filler.destroy()); // reset when the listener is killed
      fillers.push(filler);
      if (!(await connects(filler, 500))) break;
      if (fillers.length > 20) throw new Error('The backlog does not fill');
    }
    fillers.pop()?.destroy();
    return new FullBacklog(port, child, fillers);
  }

  private constructor(port: number, child: Child, fillers: readonly Socket[]) {
    this.port = port;
    this.#child = child;
    this.#fillers = fillers;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const filler of this.#fillers) filler.destroy();
    await this.#child.kill();
  }
}

function connects(socket: Socket, withinMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    // This process may have stood still meanwhile: what has come by now is looked at before the verdict.
    const timer = setTimeout(() => {
      setImmediate(() => {
        resolve(false);
      });
    }, withinMs);
    socket.once('connect', () => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}
