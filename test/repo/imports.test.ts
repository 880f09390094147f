import assert from 'node:assert/strict';
import { test } from 'node:test';
import ts from 'typescript';
import { findCycle, importsOf, namesGlobal, readSources, type Import } from './sources.ts';

/** From low to high. A part may import parts of lower rows and those beside it, never one of a higher row. */
const layers = [
  ['lifecycle', 'errors.ts', 'printable.ts', 'version.ts'],
  ['net', 'telemetry'],
  ['config types'],
  ['os', 'redis'],
  ['sentinel', 'relay'],
  ['tunnel'],
  ['config', 'admin'],
  ['daemon.ts', 'reload.ts', 'connection-limit.ts', 'descriptor-budget.ts'],
  ['cli', 'index.ts'],
  ['main.ts'],
] as const;

/**
 * Inside `relay`, from low to high: what everything sees of a socket, how I/O is done and what is carried (neither knows the other),
 * the rules, and the engines, which put them together.
 */
const relayLayers = ['relay/io/connection.ts', 'relay/io | relay/flow', 'relay/core', 'relay'] as const;

/** Beside each other, and joined only by `tunnel`. */
const strangers: readonly string[] = ['sentinel', 'relay'];

/** Files that form a part of their own, apart from the rest of their folder. The configured parts import the types. */
const partsOfFiles: Readonly<Record<string, string>> = { 'config/types.ts': 'config types' };

const sources = readSources();
const imports = [...sources].flatMap(([path, source]) => importsOf(path, source));

test('every part of src/ has its place in the import rule', () => {
  const parts = new Set([...sources.keys()].map(partOf));
  assert.deepEqual(
    [...parts].filter((part) => layerOf(part) < 0),
    [],
  );
});

test('no part imports one above it, and sentinel and relay do not know each other', () => {
  assert.deepEqual(imports.map(breachOf).filter(Boolean), []);
});

test('inside relay, io knows neither flows nor rules, and only the engines know io', () => {
  assert.deepEqual(imports.map(relayBreachOf).filter(Boolean), []);
  const to = (target: string, from: string): Import => ({
    ...{ from: `relay/${from}`, to: `relay/${target}`, isTypeOnly: false },
  });
  assert.ok(relayBreachOf(to('flow/bytes.ts', 'io/epoll/loop.ts')));
  assert.ok(relayBreachOf(to('io/epoll/loop.ts', 'flow/bytes.ts')));
  assert.ok(relayBreachOf(to('io/epoll/loop.ts', 'core/runtime.ts')));
  assert.ok(relayBreachOf(to('core/runtime.ts', 'flow/flow.ts')));
  assert.equal(relayBreachOf(to('io/connection.ts', 'flow/bytes.ts')), undefined);
});

test('cli/ knows no internals of an engine: of relay/ the types of its interface, and no system calls', () => {
  assert.deepEqual(imports.map(cliBreachOf).filter(Boolean), []);
  const to = (target: string, isTypeOnly: boolean): Import => ({ from: 'cli/a.ts', to: target, isTypeOnly });
  for (const internal of [
    'relay/io/connection.ts',
    'relay/core/runtime.ts',
    'relay/flow/flow.ts',
    'os/syscalls.ts',
  ])
    assert.ok(cliBreachOf(to(internal, true)), internal);
  assert.ok(cliBreachOf(to('relay/core/engine.ts', false)));
  assert.equal(cliBreachOf(to('relay/core/engine.ts', true)), undefined);
  assert.equal(cliBreachOf(to('os/notify-socket.ts', false)), undefined);
});

test('no file imports itself in a circle', () => {
  assert.equal(findCycle(imports)?.join(' -> '), undefined);
});

/** What a process of its own runs, and what starts it: with its executable, and with its environment. */
const ofAnotherProcess = ['net/names-main.ts', 'net/names-process.ts'];

test('only cli/, main.ts and what makes a process of its own name the process', () => {
  const naming = [...sources].filter(([, source]) => namesGlobal(source, 'process')).map(([path]) => path);
  assert.deepEqual(
    naming.filter((path) => path !== 'main.ts' && partOf(path) !== 'cli'),
    ofAnotherProcess,
  );
});

test('only net/look-up.ts has Node look names up, which takes a thread for as long as a name server is silent', () => {
  const asking = [...sources].filter(([, { text }]) => text.includes("from 'node:dns")).map(([path]) => path);
  assert.deepEqual(asking, ['net/look-up.ts']);
});

test('the import rule finds a breach and a circle, type-only imports included', () => {
  const to = (target: string): Import => ({ from: 'relay/a.ts', to: target, isTypeOnly: false });
  assert.match(breachOf(to('tunnel/b.ts')) ?? '', /relay\/a.ts imports tunnel\/b.ts/);
  assert.match(breachOf(to('sentinel/view.ts')) ?? '', /relay\/a.ts imports sentinel\/view.ts/);
  assert.match(breachOf(to('config/parse.ts')) ?? '', /relay\/a.ts imports config\/parse.ts/);
  assert.equal(breachOf(to('config/types.ts')), undefined);
  const up = { from: 'config/types.ts', to: 'config/parse.ts', isTypeOnly: false };
  assert.match(breachOf(up) ?? '', /config\/types.ts imports config\/parse.ts/);
  assert.equal(breachOf(to('net/endpoint.ts')), undefined);
  const typeOnly = ts.createSourceFile(
    'a.ts',
    "import type { B } from './b.ts';",
    ts.ScriptTarget.Latest,
    true,
  );
  assert.deepEqual(importsOf('relay/a.ts', typeOnly), [
    { from: 'relay/a.ts', to: 'relay/b.ts', isTypeOnly: true },
  ]);
  const back = { from: 'net/endpoint.ts', to: 'relay/a.ts', isTypeOnly: false };
  assert.deepEqual(findCycle([to('net/endpoint.ts'), back]), ['relay/a.ts', 'net/endpoint.ts', 'relay/a.ts']);
});

function breachOf({ from, to }: Import): string | undefined {
  const [importer, imported] = [partOf(from), partOf(to)];
  if (importer === imported) return undefined;
  const areStrangers = strangers.includes(importer) && strangers.includes(imported);
  if (!areStrangers && layerOf(imported) <= layerOf(importer)) return undefined;
  return `${from} imports ${to}`;
}

/** A breach of the rule inside `relay`. Types that core and flow share with the engines go upwards only by the interface of a connection. */
function relayBreachOf({ from, to }: Import): string | undefined {
  if (!from.startsWith('relay/') || !to.startsWith('relay/')) return undefined;
  const [importer, imported] = [relayLayerOf(from), relayLayerOf(to)];
  const areApart = importer === 1 && imported === 1 && partOfRelay(from) !== partOfRelay(to);
  const isIoBelowCore = importer === 2 && imported === 1 && partOfRelay(to) === 'relay/io';
  return importer < imported || areApart || isIoBelowCore ? `${from} imports ${to}` : undefined;
}

/** How an engine does its I/O, and the system calls it does it by. */
const engineInternals = /^(?:relay\/|os\/(?:abi|ring|sockaddr|syscalls))/;

/** A breach of the rule for `cli/`. */
function cliBreachOf({ from, to, isTypeOnly }: Import): string | undefined {
  if (partOf(from) !== 'cli' || !engineInternals.test(to)) return undefined;
  return to === 'relay/core/engine.ts' && isTypeOnly ? undefined : `${from} imports ${to}`;
}

function relayLayerOf(path: string): number {
  const part = path === 'relay/io/connection.ts' ? path : partOfRelay(path);
  return relayLayers.findIndex((layer) => layer.split(' | ').includes(part));
}

/** `relay/io`, `relay/flow`, `relay/core`, or `relay` for an engine. */
function partOfRelay(path: string): string {
  const parts = path.split('/');
  return parts.length > 2 ? parts.slice(0, 2).join('/') : 'relay';
}

/** The folder below src/, the file itself where it is directly in src/, or the part that the file forms alone. */
function partOf(path: string): string {
  return partsOfFiles[path] ?? path.split('/', 1)[0] ?? path;
}

function layerOf(part: string): number {
  return layers.findIndex((parts) => parts.some((known) => known === part));
}
