import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

// Compiled files run from build/bench/lib; what they write belongs beside the sources.
const benchDir = join(import.meta.dirname, '../../../bench');

const preamble =
  '# Results\n\nWritten by `npm run bench:throughput` and `npm run bench:failover`; `README.md` says what each number means.\n';

/** Writes one bench's section of `RESULTS.md` and leaves the others alone. */
export function writeSection(name: string, text: string): string {
  const path = join(benchDir, 'RESULTS.md');
  const open = `<!-- ${name} -->`;
  const close = `<!-- /${name} -->`;
  const before = existsSync(path) ? readFileSync(path, 'utf8') : preamble;
  const section = `${open}\n${text.trim()}\n${close}\n`;
  const start = before.indexOf(open);
  const end = before.indexOf(close);
  const after =
    start >= 0 && end > start
      ? before.slice(0, start) + section + before.slice(end + close.length + 1)
      : `${before.trimEnd()}\n\n${section}`;
  writeFileSync(path, after);
  return path;
}

/** Keeps every figure of a run as JSON. */
export function writeRun(name: string, run: unknown): string {
  const dir = join(benchDir, 'runs');
  mkdirSync(dir, { recursive: true });
  const stamp = new Date().toISOString().replace(/[:.]/g, '-');
  const path = join(dir, `${name}-${stamp}.json`);
  writeFileSync(path, `${JSON.stringify(run, null, 1)}\n`);
  return path;
}
