import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Config } from '../../src/config/types.ts';
import { changeLine, diffConfigs, effectAt } from '../../src/config/diff.ts';
import { parseConfig } from '../../src/config/parse.ts';
import { parseText } from '../../src/config/text.ts';
import { pairUp } from '../../src/lifecycle/pair-up.ts';
import { mapEndpoint } from '../../src/net/address-map.ts';
import { jsonSchema } from '../../scripts/reference.ts';

const whole = {
  sentinels: ['10.0.0.1:26379', '10.0.0.2:26379'],
  databases: [
    { name: 'one', listen: 6379 },
    { name: 'two', listen: ['127.0.0.1:6380', 'unix:/run/two.sock'] },
  ],
};

function lines(before: object, after: object): string[] {
  return diffConfigs(parseConfig(before, 'a'), parseConfig(after, 'b')).map(changeLine);
}

test('two configurations that mean the same do not differ, however they are written', () => {
  assert.deepEqual(lines(whole, structuredClone(whole)), []);
  assert.deepEqual(lines(whole, { ...whole, threads: 1, log: { level: 'info' } }), []);
});

test('says part by part what differs, and what applying it does', () => {
  const after = {
    sentinels: ['10.0.0.2:26379', '10.0.0.3:26379'],
    sentinel: { pollMs: 500, replyMs: 900 },
    databases: [
      { name: 'three', listen: 6381 },
      { name: 'two', listen: ['127.0.0.1:6382', 'unix:/run/two.sock'], holdMs: 5, failover: 'announced' },
    ],
    engine: 'streams',
    threads: 4,
    drainMs: 1,
    log: { level: 'debug', file: '/var/log/st.log' },
  };
  assert.deepEqual(lines(whole, after), [
    'sentinels: added 10.0.0.3:26379 (at once)',
    'sentinels: removed 10.0.0.1:26379 (at once)',
    'sentinel.replyMs: 1000 → 900 (links to Sentinels reopened one after another)',
    'sentinel.pollMs: 1000 → 500 (at once)',
    'databases[three]: added on 127.0.0.1:6381 (opens)',
    'databases[two].listen: added 127.0.0.1:6382 (opens)',
    'databases[two].listen: removed 127.0.0.1:6380 (closes; its sessions go on)',
    'databases[two].failover: "promoted" → "announced" (from the next failover)',
    'databases[two].holdMs: 10000 → 5 (new sessions, and those that wait)',
    'databases[one]: removed (its listeners close, its sessions have drainMs to end)',
    'engine: "auto" → "streams" (needs a restart)',
    'threads: 1 → 4 (needs a restart)',
    'drainMs: 10000 → 1 (from the next stop)',
    'log.level: "info" → "debug" (at once)',
    'log.file: "-" → "/var/log/st.log" (at once)',
  ]);
});

test('the order of Sentinels is a preference, that of databases and listeners is none', () => {
  const [a, b] = whole.sentinels;
  assert.deepEqual(lines(whole, { ...whole, sentinels: [b, a] }), [
    'sentinels: 10.0.0.1:26379, 10.0.0.2:26379 → 10.0.0.2:26379, 10.0.0.1:26379 (at once)',
  ]);
  assert.deepEqual(lines(whole, { ...whole, databases: [...whole.databases].reverse() }), []);
});

test('of two databases with one name the first is compared with the first', () => {
  const twice = { ...whole, databases: [1, 2].map((port) => ({ name: 'one', listen: port })) };
  const after = { ...whole, databases: [{ name: 'one', listen: 1, holdMs: 7 }] };
  assert.deepEqual(lines(twice, after), [
    'databases[one].holdMs: 10000 → 7 (new sessions, and those that wait)',
    'databases[one]: removed (its listeners close, its sessions have drainMs to end)',
  ]);
});

test('every key of the schema has an effect, and every effect is that of a key', () => {
  const places = placesOf(jsonSchema());
  const without = places.filter((place) => !Object.keys(effectAt).some((at) => isWithin(place, at)));
  assert.deepEqual(without, []);
  const idle = Object.keys(effectAt).filter((at) => !places.some((place) => isWithin(place, at)));
  assert.deepEqual(idle, []);
});

interface Node {
  readonly properties?: Readonly<Record<string, Node>>;
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
}

/** The places of all leaves: `databases[].listen[].address`. A database's name is what it is known by. */
function placesOf(node: Node, at = ''): string[] {
  const below = [
    ...Object.entries(node.properties ?? {}).map(
      ([key, held]) => [held, at === '' ? key : `${at}.${key}`] as const,
    ),
    ...(node.items ? [[node.items, `${at}[]`] as const] : []),
    ...(node.anyOf ?? []).map((held) => [held, at] as const),
  ];
  const places = below.length === 0 ? [at] : below.flatMap(([held, place]) => placesOf(held, place));
  return [...new Set(places)].filter((place) => place !== 'databases[].name');
}

function isWithin(place: string, at: string): boolean {
  return place === at || place.startsWith(`${at}.`) || place.startsWith(`${at}[`);
}

test('another port of the servers opens those databases again, and a rule for a port alone is shown as it is written', () => {
  const config = (redis: object, addressMap: object): Config =>
    parseConfig(
      {
        ...{ sentinels: ['s:1'], redis, addressMap },
        databases: [
          { name: 'a', listen: 1 },
          { name: 'b', listen: 2, redis: { port: 5 } },
        ],
      },
      'x',
    );
  const lines = diffConfigs(
    config({ port: 6390 }, { '10.0.0.0/8': ':8385' }),
    config({}, { '10.0.0.0/8': ':8386' }),
  ).map(changeLine);
  assert.deepEqual(lines, [
    'addressMap[10.0.0.0/8]: ":8385" → ":8386" (links to Sentinels reopened one after another)',
    'databases[a].redis.port: removed 6390 (reopened; its sessions have drainMs to end)',
  ]);
});

/** What grows with the square takes minutes for so many; a second and more is what a loaded machine may take. */
const many = 20_000;

test('the changes of a long addressMap are found as fast as they can be read', () => {
  const mapOf = (port: number): object =>
    Object.fromEntries(
      Array.from({ length: many }, (_, at) => [`10.1.${at >> 8}.${at & 255}:6379`, `10.2.0.1:${port}`]),
    );
  const written = { sentinels: ['s:1'], databases: [{ name: 'm', listen: 1 }] };
  const text = (map: object): string => JSON.stringify({ ...written, addressMap: map });
  const beganMs = performance.now();
  const [before, after, none] = [mapOf(1), mapOf(2), {}].map((map) =>
    parseConfig(parseText(text(map), 'file'), 'file'),
  );
  assert.ok(before && after && none);
  assert.equal(diffConfigs(before, after).length, many);
  assert.equal(diffConfigs(after, none).length, many);
  for (let at = 0; at < 10_000; at += 1)
    mapEndpoint(after.addressMap, { host: `10.9.0.${at & 255}`, port: at });
  assert.deepEqual(mapEndpoint(after.addressMap, { host: '10.1.78.31', port: 6379 }), {
    host: '10.2.0.1',
    port: 2,
  });
  assert.ok(performance.now() - beganMs < 20_000);
});

test('pairUp() pairs of several with one key the first with the first, and gives the order of both', () => {
  const pairs = pairUp(['a1', 'b1', 'a2', 'c1'], ['c2', 'a3', 'a4', 'a5'], (each) => each[0] ?? '');
  assert.deepEqual(
    pairs.map(({ before, after }) => [before, after]),
    [
      ['c1', 'c2'],
      ['a1', 'a3'],
      ['a2', 'a4'],
      [undefined, 'a5'],
      ['b1', undefined],
    ],
  );
});
