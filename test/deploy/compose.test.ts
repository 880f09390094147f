import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { Scope } from '../../src/lifecycle/scope.ts';
import { inFolder } from '../cli/call.ts';
import {
  cannotMakeNamespaces,
  Child,
  eventually,
  Network,
  RespClient,
  type Namespace,
} from '../support/index.ts';

interface Service {
  readonly command: readonly string[];
  readonly networks: { readonly lab: { readonly ipv4_address: string } };
  readonly depends_on?: Readonly<Record<string, unknown>>;
  readonly build?: { readonly context: string; readonly dockerfile: string };
}

const folder = new URL('../../../deploy/compose/', import.meta.url);
const { services } = parse(readFileSync(new URL('compose.yaml', folder), 'utf8'), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
};
const main = fileURLToPath(new URL('../../src/main.js', import.meta.url));

test('the services of the lab refer to what is there', () => {
  const addresses = Object.values(services).map(({ networks }) => networks.lab.ipv4_address);
  assert.equal(new Set(addresses).size, Object.keys(services).length);
  const text = JSON.stringify(Object.values(services).map(({ command }) => command));
  for (const [address] of text.matchAll(/172(?:\.\d+){3}/g)) assert.ok(addresses.includes(address), address);
  const build = services['tunnel']?.build;
  assert.ok(build);
  readFileSync(new URL(build.dockerfile, new URL(`${build.context}/`, folder)));
  for (const { depends_on: needs = {} } of Object.values(services)) {
    for (const name of Object.keys(needs)) assert.ok(name in services, name);
  }
});

/** No container engine is needed: each service runs its own command at an address of its own. */
test(
  'the lab runs, and its application counts on over a failover',
  { skip: await cannotMakeNamespaces() },
  async () => {
    await inFolder(async (dir) => {
      await using scope = new Scope();
      const network = scope.use(await Network.create());
      const places = new Map<string, Namespace>();
      for (const name of Object.keys(services)) places.set(name, await network.add());
      const printed: number[] = [];
      const start = async (name: string): Promise<Child> => {
        const command = services[name]?.command.map((word) => placed(word, places)) ?? [];
        const program = name === 'tunnel' ? [process.execPath, main, ...command] : command;
        const prefix = places.get(name)?.prefix ?? [];
        const child = await Child.spawn([...prefix, ...program], {
          name,
          cwd: dir,
          onLine: (line) => {
            if (name === 'application' && /^\d+$/.test(line)) printed.push(Number(line));
          },
        });
        return scope.use(child);
      };
      for (const name of ['redis-1', 'redis-2', 'redis-3']) await start(name);
      const first = places.get('redis-1');
      await eventually(async () => (await replicationOf(first)).match(/state=online/g)?.length === 2);
      for (const name of ['sentinel-1', 'sentinel-2', 'sentinel-3', 'tunnel', 'application'])
        await start(name);
      const sentinel = await connected(places.get('sentinel-1'), 26379);
      scope.defer(() => sentinel.close());
      await eventually(() => printed.length > 2);
      await eventually(async () => {
        const known = await sentinel.command('SENTINEL', 'MASTER', 'mymaster');
        const facts = JSON.stringify(known);
        return facts.includes('"num-slaves","2"') && facts.includes('"num-other-sentinels","2"');
      });
      // It has to have looked at a replica before it can choose one.
      await eventually(async () => (await sentinel.command('SENTINEL', 'FAILOVER', 'mymaster')) === 'OK');
      await eventually(async () => (await replicationOf(first)).includes('role:slave'));
      const before = printed.length;
      await eventually(() => printed.length > before + 2);
      assert.deepEqual(
        printed,
        printed.toSorted((a, b) => a - b),
        'nothing that was acknowledged has been lost',
      );
      assert.equal(new Set(printed).size, printed.length);
    });
  },
);

/** As Compose reads it (`$$` is a dollar), with the address that each service has here. */
function placed(word: string, places: ReadonlyMap<string, Namespace>): string {
  let text = word.replaceAll('$$', '$');
  for (const [name, { networks }] of Object.entries(services)) {
    text = text.replaceAll(networks.lab.ipv4_address, places.get(name)?.address ?? '');
  }
  return text;
}

async function connected(place: Namespace | undefined, port: number): Promise<RespClient> {
  return await eventually(() => RespClient.connect(port, { host: place?.address ?? '' }));
}

/** On a connection of its own: Sentinel cuts those to a server that it demotes. */
async function replicationOf(place: Namespace | undefined): Promise<string> {
  await using client = await connected(place, 6379);
  return String(await client.command('INFO', 'replication'));
}
