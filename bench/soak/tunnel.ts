import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { eventually } from '../../test/support/index.ts';
import type { Measured } from './measured.ts';

/** The tunnel under soak, in a process of its own. */
export class SoakedTunnel implements AsyncDisposable {
  readonly port: number;
  readonly #child: ChildProcess;

  static async start(configuration: object): Promise<SoakedTunnel> {
    const file = new URL('./tunnel-child.js', import.meta.url);
    const child = fork(file, [JSON.stringify(configuration)], { execArgv: ['--expose-gc'] });
    const [{ port }] = (await once(child, 'message')) as [{ port: number }]; // its first message
    return new SoakedTunnel(child, port);
  }

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  /** Measures once no session is left. */
  async measure(): Promise<Measured> {
    return await eventually(async () => {
      this.#child.send('measure');
      const [measured] = (await once(this.#child, 'message')) as [Measured]; // the answer
      return measured.sessions === 0 && measured;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const closed = once(this.#child, 'close');
    this.#child.send('stop');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5000);
    await closed;
    clearTimeout(timer);
  }
}
