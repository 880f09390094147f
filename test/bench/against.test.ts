import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parseOptions as failoverOptions } from '../../bench/failover/options.ts';
import { UsageError } from '../../bench/lib/options.ts';
import { table } from '../../bench/lib/table.ts';
import { buildAt } from '../../bench/peers/build.ts';
import { cells } from '../../bench/throughput/cells.ts';
import { comparison } from '../../bench/throughput/comparison.ts';
import type { Measurement } from '../../bench/throughput/measure.ts';
import { parseOptions } from '../../bench/throughput/options.ts';
import { alternate } from '../../bench/lib/turns.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));

test('throughput --against compares a build with itself, engine by engine', async () => {
  const script = join(root, 'build', 'bench', 'throughput.js');
  const flags = ['--cells', '64B-c1', '--engines', 'epoll,streams', '--rounds', '2', '--seconds', '0.1'];
  const args = [script, '--against', root, ...flags, '--no-write'];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { timeout: 120_000 });
  const [, kept] = /^kept (.+)$/m.exec(stderr) ?? [];
  assert.ok(kept !== undefined, stderr);
  rmSync(kept);

  const rows = stdout
    .split('\n')
    .map((line) => line.split('|').map((field) => field.trim()))
    .filter(([, title, engine]) => title === '64 B GET+SET, 1 client' && engine !== undefined);
  assert.deepEqual(
    rows.map(([, , engine]) => engine),
    ['streams', 'epoll'],
    stdout,
  );
  for (const [, , engine, ...ratios] of rows) {
    for (const ratio of ratios.slice(0, 2)) {
      const figures = (/^([\d.]+) \[([\d.]+)–([\d.]+)\]/.exec(ratio) ?? []).slice(1).map(Number);
      assert.equal(figures.length, 3, `${String(engine)}: ${ratio}`);
      assert.ok(
        figures.every((figure) => figure > 0 && Number.isFinite(figure)),
        ratio,
      );
    }
  }
});

test('buildAt() finds build/ before dist/, and refuses a directory that has neither', (t) => {
  const dir = emptyDir(t);
  assert.throws(
    () => buildAt(dir),
    (error) =>
      error instanceof UsageError &&
      error.message ===
        `Cannot use "${dir}" as against: expected a built checkout, with "build/src/main.js" or "dist/main.js"`,
  );
  for (const main of ['dist/main.js', 'build/src/main.js']) {
    mkdirSync(join(dir, main, '..'), { recursive: true });
    writeFileSync(join(dir, main), '');
    assert.equal(buildAt(dir).main, join(dir, main));
  }
});

test('--against and --relays exclude each other, and --engines needs --against', () => {
  assert.throws(() => parseOptions(['--against', root, '--relays', 'ours']), UsageError);
  assert.throws(() => parseOptions(['--engines', 'epoll']), UsageError);
  assert.throws(() => parseOptions(['--against', root, '--engines', 'kqueue']), UsageError);
  assert.throws(() => failoverOptions(['--against', root, '--contenders', 'ours']), UsageError);
});

test('--against measures both builds on every engine, each next to the other', () => {
  const { relays } = parseOptions(['--against', root]);
  assert.deepEqual(
    [...relays.keys()],
    ['ours-streams', 'other-streams', 'ours-epoll', 'other-epoll', 'ours-io_uring', 'other-io_uring'],
  );
  assert.deepEqual([...failoverOptions(['--against', root]).contenders.keys()], ['ours', 'other']);
});

test('alternate() turns the order round in every second round', () => {
  const list = ['a', 'b', 'c', 'd'];
  assert.deepEqual(
    [0, 1, 2].map((round) => alternate(list, round).join('')),
    ['abcd', 'dcba', 'abcd'],
  );
});

test('comparison() takes a ratio within a round, then the median and the quartiles of the rounds', () => {
  const measurements = [
    // The machine is half as fast in the second round, for both: the ratio stays.
    ...round(0, { ours: [10, 1000], other: [20, 800] }),
    ...round(1, { ours: [20, 500], other: [40, 400] }),
    ...round(2, { ours: [11, 900], other: [10, 1000] }),
  ];
  const text = comparison(cells, measurements);
  assert.ok(
    text.includes(
      table(
        ['cell', 'engine', 'CPU per command, ours ÷ other', 'commands/s, ours ÷ other'],
        [['64 B GET+SET, 1 client', 'epoll', '0.500 [0.500–0.800] ≤ 1.02 ✓', '1.250 [1.075–1.250] ≥ 0.98 ✓']],
      ),
    ),
    text,
  );
});

test('comparison() tells a build that is worse from one that only looks so', () => {
  const verdicts = (ratios: readonly number[]): string[] => {
    const measurements = ratios.flatMap((ratio, at) =>
      round(at, { ours: [10 * ratio, 1000 / ratio], other: [10, 1000] }),
    );
    return [...comparison(cells, measurements).matchAll(/(?:≤ 1.02|≥ 0.98) (.)/g)].map(
      ([, said = '']) => said,
    );
  };
  assert.deepEqual(verdicts([1.05, 1.06, 1.07, 1.05, 1.06]), ['✗', '✗']);
  assert.deepEqual(verdicts([1.05, 0.9, 1.06, 0.95, 1.07]), ['?', '?']);
  assert.deepEqual(verdicts([1.01, 0.9, 1.2, 0.95, 1.01]), ['✓', '✓']);
});

function round(
  at: number,
  figures: Readonly<Record<'ours' | 'other', readonly [cpu: number, perSecond: number]>>,
): Measurement[] {
  return Object.entries(figures).map(([build, [cpuUsPerCommand, perSecond]]) => ({
    cell: '64B-c1',
    relay: `${build}-epoll`,
    round: at,
    seconds: 1,
    commands: perSecond,
    perSecond,
    cpuUsPerCommand,
    coresUsed: { relay: 0.5, redis: 0.2, generator: 0.3 },
    p50Us: 100,
    p99Us: 200,
  }));
}

function emptyDir(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'against-'));
  t.after(() => {
    rmSync(dir, { recursive: true, force: true });
  });
  return dir;
}
