import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { patienceMs } from './eventually.ts';

/** Why a test that needs a terminal is skipped; `false` where there can be one. */
export const cannotShow: string | false =
  spawnSync('tmux', ['-V'], { stdio: 'ignore' }).status === 0 ? false : 'tmux is not installed';

/** A terminal with a shell in it, as a person sits before it: a tmux of its own, that nobody else can reach. */
export class Screen implements AsyncDisposable {
  readonly #dir: string;
  readonly #socket: string;

  static async open(columns = 80, rows = 24, env: Readonly<Record<string, string>> = {}): Promise<Screen> {
    const dir = await mkdtemp(join(tmpdir(), 'sentinel-tunnel-screen-'));
    const screen = new Screen(dir);
    const size = ['-x', String(columns), '-y', String(rows)];
    const variables = Object.entries({ PS1: '$ ', ...env }).flatMap(([name, value]) => [
      '-e',
      `${name}=${value}`,
    ]);
    try {
      await screen.#tmux('-f', '/dev/null', 'new-session', '-d', ...size, ...variables, 'sh');
      await screen.#tmux('set-option', '-g', 'window-size', 'manual');
    } catch (error) {
      await screen[Symbol.asyncDispose]();
      throw error;
    }
    return screen;
  }

  private constructor(dir: string) {
    this.#dir = dir;
    this.#socket = join(dir, 'tmux');
  }

  /** Types a line and presses Enter. */
  async type(line: string): Promise<void> {
    await this.#tmux('send-keys', '-l', line);
    await this.press('Enter');
  }

  /** Presses a key by tmux's name of it: `q`, `C-c`, `Enter`. */
  async press(key: string): Promise<void> {
    await this.#tmux('send-keys', key);
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#tmux('resize-window', '-x', String(columns), '-y', String(rows));
  }

  /** What is seen, line by line; with the colours' codes where they are asked for. */
  async lines(withColours = false): Promise<readonly string[]> {
    const text = await this.#tmux('capture-pane', '-p', ...(withColours ? ['-e'] : []));
    return text.replace(/\n$/, '').split('\n');
  }

  async text(): Promise<string> {
    return (await this.lines()).join('\n');
  }

  /** Whether a program has taken the whole screen, and whether the cursor is seen. */
  async state(): Promise<{ readonly isTaken: boolean; readonly hasCursor: boolean }> {
    const text = await this.#tmux('display-message', '-p', '#{alternate_on} #{cursor_flag}');
    const [taken, cursor] = text.trim().split(' ');
    return { isTaken: taken === '1', hasCursor: cursor === '1' };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tmux('kill-server').catch(() => undefined); // there may be none, where it did not start
    await rm(this.#dir, { recursive: true, force: true });
  }

  #tmux(...args: readonly string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      const options = {
        timeout: patienceMs,
        env: { PATH: process.env['PATH'], TERM: 'screen-256color', LC_ALL: 'C.UTF-8' },
      };
      execFile('tmux', ['-S', this.#socket, ...args], options, (error, stdout, stderr) => {
        if (error) reject(new Error(`tmux ${args.join(' ')}: ${stderr}`, { cause: error }));
        else resolve(stdout);
      });
    });
  }
}
