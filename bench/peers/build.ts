import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { UsageError } from '../lib/options.ts';

/** A compiled Sentinel Tunnel. */
export interface Build {
  /** `ours` is the checkout that measures, `other` the one it is compared with. */
  readonly name: 'ours' | 'other';
  readonly dir: string;
  /** The script that runs it. */
  readonly main: string;
}

const ownDir = join(import.meta.dirname, '../../..');

export const ownBuild: Build = { name: 'ours', dir: ownDir, main: join(ownDir, 'build/src/main.js') };

/** Where a checkout has its build: `npm run build:test` writes the first, `npm run build` the second. */
const mains = ['build/src/main.js', 'dist/main.js'] as const;

/** The other build, from the directory of its checkout or package. @throws UsageError where nothing is built there */
export function buildAt(dir: string): Build {
  const main = mains.find((path) => existsSync(join(dir, path)));
  if (main !== undefined) return { name: 'other', dir: resolve(dir), main: resolve(dir, main) };
  const expected = mains.map((path) => `"${path}"`).join(' or ');
  throw new UsageError(`Cannot use "${dir}" as against: expected a built checkout, with ${expected}`);
}

/** Which commit each build is of, as a sentence. */
export function describeBuilds(builds: readonly Build[]): string {
  return `${builds.map(({ name, dir }) => `\`${name}\` is commit ${commitOf(dir)}`).join(', ')}.`;
}

/** Of the checkout, with `-dirty` where files have changed since. */
function commitOf(dir: string): string {
  try {
    const args = ['-C', dir, 'describe', '--always', '--dirty', '--exclude', '*'];
    return execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return 'unknown'; // no git, or no checkout: the build runs all the same
  }
}
