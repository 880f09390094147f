import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The built program. */
export const main = fileURLToPath(new URL('../../src/main.js', import.meta.url));

export interface Called {
  readonly code: number | string | null | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program to its end, in an environment that says nothing to it but what is given. */
export function call(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  cwd = tmpdir(),
): Promise<Called> {
  return new Promise((resolve) => {
    const options = { env: { PATH: process.env['PATH'], ...env }, cwd, timeout: 60_000 };
    execFile(process.execPath, [main, ...args], options, (error, stdout, stderr) => {
      resolve({ code: error ? error.code : 0, stdout, stderr });
    });
  });
}

/** Runs a command line with so many file descriptors. */
export function limited(descriptors: number, command: readonly string[]): Promise<Called> {
  const script = `ulimit -n ${String(descriptors)}; exec "$@"`;
  return new Promise((resolve) => {
    const env = { PATH: process.env['PATH'], SENTINEL_TUNNEL_ADMIN: 'off' };
    const options = { env, timeout: 30_000, killSignal: 'SIGKILL' } as const;
    execFile('sh', ['-c', script, 'sh', ...command], options, (error, stdout, stderr) => {
      resolve({ code: error ? error.code : 0, stdout, stderr });
    });
  });
}

export function assertNoTrace({ stdout, stderr }: Called): void {
  assert.doesNotMatch(stdout + stderr, /^\s+at |node:internal|\.js:\d/m);
}

/** A folder of the test's own, gone afterwards. */
export async function inFolder(run: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'sentinel-tunnel-'));
  try {
    await run(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
