import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { call } from '../cli/call.ts';

const page = readFileSync(new URL('../../../docs/cli.md', import.meta.url), 'utf8');

interface Listed {
  readonly args: string;
  readonly flags: readonly string[];
}

/** The arguments and flags of each command on the page. */
function commandsOfPage(): ReadonlyMap<string, Listed> {
  const section = /<!-- commands -->(.*?)<!-- \/commands -->/s.exec(page)?.[1] ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('| `'));
  return new Map(
    rows.map((row) => {
      const [name = '', args = '', flags = ''] = row
        .split('|')
        .slice(1)
        .map((cell) => cell.trim());
      return [
        name.replaceAll('`', ''),
        { args: args.replaceAll('`', ''), flags: flags.match(/--[\w-]+/g) ?? [] },
      ];
    }),
  );
}

test('docs/cli.md lists exactly the commands that --help lists', async () => {
  const { stdout } = await call(['--help']);
  const commands = stdout.slice(stdout.indexOf('Commands:'), stdout.indexOf('The first form'));
  const names = [...commands.matchAll(/^ {2}([a-z]+)\b/gm)].map(([, name]) => name);
  const listed = [...commandsOfPage().keys()];
  assert.deepEqual(listed.toSorted(), names.filter((name) => name !== 'help').toSorted());
});

test('docs/cli.md lists the arguments and the flags of every command', async () => {
  for (const [name, { args, flags }] of commandsOfPage()) {
    const { stdout, code } = await call([name, '--help']);
    assert.equal(code, 0, name);
    const [, usage = ''] = /^Usage: sentinel-tunnel \w+ \[options\] ?(.*)$/m.exec(stdout) ?? [];
    const options = [...stdout.matchAll(/^ {2}(--[\w-]+)/gm)].map(([, flag = '']) => flag);
    assert.equal(args, usage, name);
    assert.deepEqual([...flags].toSorted(), options.filter((flag) => flag !== '--help').toSorted(), name);
  }
});
