import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { eventually } from '../support/index.ts';

/** A client program of another language: it does a step for every line it is sent, and prints what came of it. */
export class Peer implements AsyncDisposable {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: string[] = [];
  readonly #errors: string[] = [];

  static async start(command: readonly string[]): Promise<Peer> {
    const [file = '', ...args] = command;
    const child = spawn(file, args, { stdio: 'pipe' });
    await once(child, 'spawn');
    return new Peer(child);
  }

  private constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    createInterface({ input: child.stdout }).on('line', (line) => this.#lines.push(line));
    createInterface({ input: child.stderr }).on('line', (line) => this.#errors.push(line));
    child.stdin.on('error', (error) => this.#errors.push(error.message)); // it has ended before it was told
  }

  /** Sends a line and gives the next line printed. @throws Error when it complains or ends instead */
  async ask(line: string, withinMs = 60_000): Promise<string> {
    const [printed, complained] = [this.#lines.length, this.#errors.length];
    this.#child.stdin.write(`${line}\n`);
    const outcome = await eventually(
      () => {
        const answer = this.#lines[printed];
        const complaint = this.#errors[complained];
        if (answer !== undefined) return { answer };
        if (complaint !== undefined) return { complaint };
        return this.#child.exitCode !== null && { complaint: `It ended with ${this.#child.exitCode}` };
      },
      { withinMs, everyMs: 5 },
    );
    if ('complaint' in outcome) throw new Error(outcome.complaint);
    return outcome.answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await closed;
  }
}
