import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, sep } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseConfig } from '../../src/config/parse.ts';
import { readConfig } from '../../src/config/read.ts';
import { eventNames } from '../../src/telemetry/events.ts';
import { clientMoves } from '../../src/relay/core/client.ts';
import { upstreamMoves } from '../../src/relay/core/upstream.ts';
import { parse } from 'yaml';
import { Certificates } from '../support/index.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...['docs', 'examples'].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `${folder}/${name}`),
  ),
];

test('docs/architecture.md prints the moves of a client and of an upstream', () => {
  for (const [mark, moves] of [
    ['client-moves', clientMoves],
    ['upstream-moves', upstreamMoves],
  ] as const) {
    const rows = tableIn('docs/architecture.md', mark).map(([from = '', to = '']) => [
      names(from)[0],
      names(to),
    ]);
    assert.deepEqual(Object.fromEntries(rows), moves, mark);
  }
});

test('docs/architecture.md and docs/failover.md list the phases of a view', () => {
  const phases = kindsOf('src/sentinel/decision/view.ts', 'Phase');
  assert.equal(phases.length, 5);
  for (const page of ['docs/architecture.md', 'docs/failover.md']) {
    assert.deepEqual(firstCells(page, 'phases'), phases, page);
  }
});

test('docs/architecture.md names the states of a fence', () => {
  const text = read('docs/architecture.md');
  const sentence = /a belief knows three states: ([^.]*)\./.exec(text.replace(/\s+/g, ' '))?.[1] ?? '';
  assert.deepEqual(
    [...new Set(names(sentence))].toSorted(),
    kindsOf('src/sentinel/decision/belief.ts', 'Fence').toSorted(),
  );
});

test('docs/architecture.md lists the events and the commands of a tunnel', () => {
  assert.deepEqual(
    firstCells('docs/architecture.md', 'events'),
    kindsOf('src/relay/core/engine.ts', 'TunnelEvent'),
  );
  assert.deepEqual(
    firstCells('docs/architecture.md', 'commands'),
    kindsOf('src/relay/core/engine.ts', 'TunnelCommand'),
  );
});

test('docs/operations.md has the steps of the shutdown in the order of src/daemon.ts', () => {
  const comments = [...read('src/daemon.ts').matchAll(/^ *\/\/ (\d .*)$/gm)].map(([, text = '']) => text);
  const taken = comments.flatMap((text) => text.split(/, (?=\d )/));
  const listed = [...section('docs/operations.md', 'steps').matchAll(/^(\d)\. \*\*(.*?)\*\*/gms)].map(
    ([, number = '', text = '']) => `${number} ${text.replace(/\s+/g, ' ').toLowerCase()}`,
  );
  assert.equal(taken.length, 8);
  assert.deepEqual(listed, taken);
});

test('docs/operations.md explains every event that is a warning or an error', () => {
  const alarming = [...read('docs/events.md').matchAll(/^\| `([\w.-]+)` +\| (?:warn|error) /gm)].map(
    ([, event]) => event,
  );
  const explained = [...read('docs/operations.md').matchAll(/^\| `([a-z]+\.[a-z-]+)` +\|/gm)].map(
    ([, event]) => event,
  );
  const known: readonly (string | undefined)[] = eventNames;
  assert.ok(alarming.length > 5);
  assert.deepEqual(
    alarming.filter((event) => !explained.includes(event)),
    [],
  );
  assert.deepEqual(
    explained.filter((event) => !known.includes(event)),
    [],
  );
});

test('the import rule is the same sentence in docs/architecture.md and CONTRIBUTING.md', () => {
  const rule = /A part imports only parts below it:[^.]*`cli`\./;
  const [one, other] = ['docs/architecture.md', 'CONTRIBUTING.md'].map((page) =>
    rule.exec(read(page))?.[0].replace(/\s+/g, ' '),
  );
  assert.ok(one);
  assert.equal(one, other);
});

test('docs/README.md links to every page', () => {
  const linked = [...read('docs/README.md').matchAll(/\]\(([\w-]+\.md)\)/g)].map(([, page]) => page);
  const there = readdirSync(join(root, 'docs')).filter(
    (name) => name.endsWith('.md') && name !== 'README.md',
  );
  assert.deepEqual(linked.toSorted(), there.toSorted());
});

test('every link in the pages leads to a file that exists', () => {
  const broken = pages.flatMap((page) =>
    [...read(page).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)]
      .map(([, target = '']) => target)
      .filter((target) => !existsSync(join(root, dirname(page), target)))
      .map((target) => `${page}: ${target}`),
  );
  assert.deepEqual(broken, []);
});

test('every path of a source file that the pages name exists', () => {
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).map((path) =>
    path.split(sep).join('/'),
  );
  const named = [...pages, 'bench/README.md', 'bench/RESULTS.md'].flatMap((page) =>
    names(read(page)).flatMap((text) => pathsIn(text).map((path) => ({ page, path }))),
  );
  assert.ok(named.length > 30, String(named.length));
  const missing = named.filter(({ path }) =>
    path.includes('/') ? !isPath(path) : !sources.some((source) => basename(source) === path),
  );
  assert.deepEqual(
    missing.map(({ page, path }) => `${page}: ${path}`),
    [],
  );

  /** Paths start at the checkout, at src/ or at a folder of it. */
  function isPath(path: string): boolean {
    const bare = path.replace(/\/$/, '');
    return (
      existsSync(join(root, bare)) || sources.some((source) => source === bare || source.endsWith(`/${bare}`))
    );
  }
});

test('every npm script that the pages name exists', () => {
  const scripts = parse(read('package.json')) as { scripts: Record<string, string> };
  const missing = pages.flatMap((page) =>
    [...read(page).matchAll(/npm run ([\w:-]+)/g)]
      .map(([, script = '']) => script)
      .filter((script) => !(script in scripts.scripts))
      .map((script) => `${page}: npm run ${script}`),
  );
  assert.deepEqual(missing, []);
});

test('the configurations in README.md are valid and equal', () => {
  const [yaml, json] = ['yaml', 'json'].map((language) => {
    const block = new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 's').exec(read('README.md'))?.[1];
    assert.ok(block, language);
    return parseConfig(parse(block), language);
  });
  assert.deepEqual(yaml, json);
});

test('the configurations in examples/ are valid', async () => {
  const ours = await readConfig(join(root, 'examples/sentinel-tunnel.yaml'));
  const original = await readConfig(join(root, 'examples/sentinel_tunnel.json'));
  assert.deepEqual(
    ours.databases.map(({ name }) => name),
    original.databases.map(({ name }) => name),
  );
});

test('the configuration with passwords and TLS in examples/ is valid, given the files that it names', async () => {
  await using own = await Certificates.make();
  const { cert, key } = await own.issue('server');
  const texts: Readonly<Record<string, string>> = {
    sentinel: 'x',
    'ca.pem': own.ca,
    'server.pem': cert,
    'server.key': key,
  };
  const config = await readConfig(join(root, 'examples/secure.yaml'), {
    env: { REDIS_PROBE_PASSWORD: 'y' },
    readFile: (path) => ({ text: texts[basename(path)] ?? '', isWorldReadable: false }),
  });
  assert.equal(config.sentinel.credentials?.username, 'watcher');
  assert.equal(config.databases[0]?.redis.credentials?.password.reveal(), 'y');
  assert.deepEqual(config.databases[1]?.listen[0]?.tls?.allowNames, ['ledger', '*.apps.example']);
});

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** The text between `<!-- name -->` and `<!-- /name -->`. */
function section(page: string, name: string): string {
  const found = new RegExp(`<!-- ${name} -->(.*?)<!-- /${name} -->`, 's').exec(read(page))?.[1];
  assert.ok(found, `${page} has no section "${name}"`);
  return found;
}

/** The cells of a table without its head. */
function tableIn(page: string, name: string): string[][] {
  const rows = section(page, name)
    .split('\n')
    .filter((line) => line.startsWith('|'));
  return rows.slice(2).map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

function firstCells(page: string, name: string): string[] {
  return tableIn(page, name).flatMap(([first = '']) => names(first));
}

/** The texts in backticks. */
function names(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
}

/** Parts of `src/`, `test/` and so on in a text, and names of TypeScript files. */
function pathsIn(text: string): string[] {
  if (text.includes('*') || text === 'bench/runs/') return []; // a pattern, and what a bench writes
  const folders = ['src', 'test', 'bench', 'scripts', 'deploy', 'docs', ...readdirSync(join(root, 'src'))];
  return text.split(/\s/).filter((word) => {
    const [first = '', second] = word.split('/');
    if (second === undefined) return /^[\w-]+\.ts$/.test(word);
    return /^[\w./-]+$/.test(word) && (folders.includes(first) || word.endsWith('.ts'));
  });
}

/** The kinds of a union in a source file, in its order. */
function kindsOf(file: string, type: string): string[] {
  const [, union = ''] = new RegExp(`export type ${type} =(.*?);\n\n`, 's').exec(`${read(file)}\n`) ?? [];
  const kinds = [...union.matchAll(/readonly kind: ((?:'[\w-]+'(?: \| )?)+)/g)];
  return kinds.flatMap(([, text = '']) => [...text.matchAll(/'([\w-]+)'/g)].map(([, kind = '']) => kind));
}

test('docs/admin.md lists the routes of the admin listener', () => {
  const listed = tableIn('docs/admin.md', 'routes').flatMap(([first = '']) => names(first));
  const sources = ['src/admin/routes.ts', 'src/admin/actions.ts'].map(read).join('\n');
  const plain = [...sources.matchAll(/app\.(get|post)\(\s*'([^']+)'/g)].map(
    ([, method = '', path = '']) => `${method.toUpperCase()} ${path}`,
  );
  const actions = [...sources.matchAll(/^ {2}(\w+): \{\s+keys: \[/gm)].map(
    ([, action = '']) => `POST /databases/NAME/${action}`,
  );
  assert.ok(actions.length > 3);
  assert.deepEqual(listed.toSorted(), [...plain, ...actions].toSorted());
});

test('docs/admin.md explains every key of the status', () => {
  const source = read('src/admin/status.ts');
  const keysOf = (type: string): string[] => {
    const [, body = ''] = new RegExp(`export interface ${type} {(.*?)\n}`, 's').exec(source) ?? [];
    return [...body.matchAll(/^ {2}readonly (\w+):/gm)].map(([, key = '']) => key);
  };
  const nested: Readonly<Record<string, readonly [string, string]>> = {
    program: ['program.', 'ProgramStatus'],
    databases: ['databases[].', 'DatabaseStatus'],
    sentinels: ['sentinels[].', 'SentinelStatus'],
  };
  const keys = keysOf('Status').flatMap((key) => {
    const [above, type] = nested[key] ?? [];
    return above === undefined || type === undefined
      ? [key]
      : keysOf(type).map((below) => `${above}${below}`);
  });
  assert.ok(keys.length > 30);
  const listed = firstCells('docs/admin.md', 'status').map((key) => key.replace(/\[\]$/, ''));
  assert.deepEqual(listed, keys);
});
