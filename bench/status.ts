// How long `sentinel-tunnel status` takes from a cold start, beside Node itself, which it cannot be faster than.
//
//   npm run bench:status
//   npm run bench:status -- 50 dist/main.js        so many rounds, of another build
import { execFileSync } from 'node:child_process';
import { execPath, stdout } from 'node:process';
import { fileURLToPath } from 'node:url';
import { leaveEndToCaller, serveThrough, startCluster } from '../test/support/index.ts';
import { optionsOf, UsageError, wholeFrom } from './lib/options.ts';

const { rounds, main } = optionsOf('npm run bench:status -- [ROUNDS [MAIN]]', (args) => {
  const [count = '20', built = fileURLToPath(new URL('../src/main.js', import.meta.url)), ...more] = args;
  const flag = args.find((arg) => arg.startsWith('-'));
  if (flag !== undefined || more.length > 0)
    throw new UsageError(`Cannot make anything of "${flag ?? more.join(' ')}"`);
  return { rounds: wholeFrom(1, 'rounds', count), main: built };
});

leaveEndToCaller();
await using cluster = await startCluster();
await using tunnel = await serveThrough(cluster, { config: { admin: { listen: 0 } } });
await tunnel.waitFor(({ event }) => event === 'admin.opened');
const admin = ['--admin', `127.0.0.1:${String(tunnel.adminPort)}`];

const commands: readonly (readonly [string, readonly string[]])[] = [
  ['node -e 0', ['-e', '0']],
  ['sentinel-tunnel --version', [main, '--version']],
  ['sentinel-tunnel status', [main, 'status', ...admin]],
  ['sentinel-tunnel status --config FILE', [main, 'status', ...admin, '--config', tunnel.configFile]],
];
const taken = new Map(commands.map(([name]) => [name, [] as number[]]));
// In turns, so that what else the machine does falls on all of them.
for (let round = 0; round < rounds; round += 1) {
  for (const [name, args] of commands) {
    const startedMs = performance.now();
    execFileSync(execPath, args, { stdio: 'ignore' });
    taken.get(name)?.push(performance.now() - startedMs);
  }
}
stdout.write(`${rounds} rounds, in ms\n${'median'.padStart(8)}${'p95'.padStart(8)}${'max'.padStart(8)}\n`);
for (const [name, times] of taken) {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): string =>
    String(Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0)).padStart(
      8,
    );
  stdout.write(`${at(0.5)}${at(0.95)}${at(1)}  ${name}\n`);
}
