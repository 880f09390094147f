import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { denialLine, refusalLine } from '../../src/net/refusal-reply.ts';
import {
  eventually,
  phpWithRedis,
  pythonWithRedis,
  RedisProcess,
  rubyWithRedis,
  withoutLeaks,
} from '../support/index.ts';
import { Peer } from './peer.ts';
import { Refusing } from './refusing.ts';

const page = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8');
const [, table = ''] = /<!-- libraries -->([^]*?)<!-- \/libraries -->/.exec(page) ?? [];
const rows = new Map(
  table
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .map(([, library = '', ...cells]) => [library, cells.slice(0, 4)]),
);

const sentence = 'the limit of 2 connections to "mymaster" is reached';

/** A client with the settings that its library has by itself. */
interface Client extends AsyncDisposable {
  /** Gets the key: `value`, or how that failed. */
  get(): Promise<string>;
}

interface Library {
  readonly name: string;
  /** Its version; `undefined` where it is not installed. */
  readonly version: () => Promise<string | undefined>;
  readonly connect: (port: number) => Promise<Client>;
  /** It connects again when its connection breaks, and not only when the application asks for something. */
  readonly isEager: boolean;
}

/** Prints the version, then the key for each line that it is sent, or the class and the text of an error. */
const python = `
import redis, sys
r = redis.Redis(port=int((sys.argv + ['0'])[1]), decode_responses=True)
for line in sys.stdin:
    if len(sys.argv) < 2: print(redis.__version__, flush=True); continue
    try: print(r.get('key'), flush=True)
    except Exception as e: print('raises', type(e).__name__, e, flush=True)
`;
const php = `
$r = new Redis();
$connected = false;
while (fgets(STDIN) !== false) {
  if (!isset($argv[1])) { echo phpversion('redis'), "\\n"; continue; }
  try {
    if (!$connected) $connected = $r->connect('127.0.0.1', (int) $argv[1]);
    echo json_encode($r->get('key')) === 'false' ? 'returns false' : $r->get('key'), "\\n";
  } catch (Exception $e) { echo 'raises ', get_class($e), ' ', $e->getMessage(), "\\n"; }
}
`;
const ruby = `
require 'redis'
$stdout.sync = true
r = Redis.new(port: ARGV[0].to_i)
while STDIN.gets
  if ARGV.empty? then puts Redis::VERSION; next end
  begin; puts r.get('key'); rescue StandardError => e; puts "raises #{e.class} #{e.message}"; end
end
`;

function ofProgram(name: string, command: readonly (string | undefined)[]): Library {
  const start = (...more: string[]): Promise<Peer> =>
    Peer.start([...command.map((word) => word ?? ''), ...more]);
  return {
    name,
    isEager: false,
    version: async () => {
      if (command[0] === undefined) return undefined;
      await using peer = await start();
      return await peer.ask('version');
    },
    connect: async (port) => {
      const peer = await start(String(port));
      return { get: () => peer.ask('get'), [Symbol.asyncDispose]: () => peer[Symbol.asyncDispose]() };
    },
  };
}

function ofPackage(name: string, folder: string, connect: Library['connect']): Library {
  const file = new URL(`../../../node_modules/${folder}/package.json`, import.meta.url);
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
  return { name, version: () => Promise.resolve(version), connect, isEager: true };
}

const libraries: readonly Library[] = [
  ofProgram('redis-py', [pythonWithRedis(), '-c', python]),
  ofProgram('php-redis', [phpWithRedis(), '-r', php, '--']),
  ofProgram('redis-rb', [rubyWithRedis(), '-e', ruby]),
  ofPackage('ioredis', 'ioredis', (port) => {
    const client = new Redis(port, '127.0.0.1');
    client.on('error', () => undefined); // it reconnects by itself
    const close = (): Promise<void> => {
      client.disconnect();
      return Promise.resolve();
    };
    return Promise.resolve({ get: () => told(client.get('key')), [Symbol.asyncDispose]: close });
  }),
  ofPackage('node-redis', 'redis', (port) => {
    const client = createClient({ url: `redis://127.0.0.1:${port}` });
    client.on('error', () => undefined);
    const connecting = client.connect();
    connecting.catch(() => undefined); // told to whoever asks for the key
    const close = (): Promise<void> => {
      if (client.isOpen) client.destroy();
      return Promise.resolve();
    };
    const get = (): Promise<string> => told(connecting.then(() => client.get('key')));
    return Promise.resolve({ get, [Symbol.asyncDispose]: close });
  }),
];

async function told(answer: Promise<string | null>): Promise<string> {
  try {
    return String(await answer);
  } catch (error) {
    assert.ok(error instanceof Error);
    return `raises ${error.constructor.name} ${error.message}`;
  }
}

/** The cell of the table that this is. What is raised has to carry the sentence. */
function cellOf(outcome: string): string {
  if (outcome === 'value') return 'connects again';
  const [, name, text = ''] = /^raises (\S+) (.*)$/.exec(outcome) ?? [];
  assert.ok(name !== undefined && text.includes(`sentinel-tunnel: ${sentence}`), outcome);
  return `raises \`${name}\``;
}

/** The HELLO that a connection begins with; empty where it begins with something else. */
function helloOf(greeting: string): string {
  return /^\*\d+\r\n\$5\r\nHELLO\r\n\$1\r\n\d/i.exec(greeting)?.[0] ?? '';
}

for (const { name, version, connect, isEager } of libraries) {
  test(`${name} does with a refusal what docs/errors.md says`, async (t) => {
    const installed = await version();
    if (installed === undefined) {
      t.skip(`${name} is not installed`);
      return;
    }
    const [major = ''] = installed.split('.');
    const cells = rows.get(`${name} ${major}`);
    if (!cells) {
      t.skip(`the page has nothing of ${name} ${installed}`);
      return;
    }
    await withoutLeaks(async () => {
      await using redis = await RedisProcess.start();
      await redis.command('SET', 'key', 'value');
      const found: string[] = [];
      for (const line of [refusalLine(sentence), denialLine(sentence)]) {
        for (const isLater of [false, true]) {
          await using port = await Refusing.start(redis.port, line);
          if (!isLater) port.refuseNext();
          await using client = await connect(port.port);
          if (isLater) {
            assert.equal(await client.get(), 'value');
            port.refuseNext();
            port.cut();
            if (isEager) await eventually(() => port.greetings.length > 1);
          }
          found.push(cellOf(await client.get()));
          // None takes the server for an old one that knows no HELLO.
          const [first = '', ...others] = port.greetings.map(helloOf);
          for (const next of others) assert.equal(next, first, 'it begins as the connection before');
        }
      }
      assert.deepEqual(found, cells);
    });
  });
}

test('docs/errors.md says why a refusal does not begin with ERR', async (t) => {
  const limit = 'max number of clients reached';
  for (const [name, line, expected] of [
    ['redis-py', `ERR sentinel-tunnel: ${sentence}`, /^raises ResponseError sentinel-tunnel/],
    ['redis-py', `ERR ${limit}: sentinel-tunnel: ${sentence}`, /^raises ResponseError max number/],
    // redis-py 8 connects again for it.
    ['redis-py', `ERR ${limit}`, /^(raises ConnectionError max number|value$)/],
    ['php-redis', `ERR sentinel-tunnel: ${sentence}`, /^returns false$/],
    ['php-redis', `ERR ${limit}`, /^returns false$/],
  ] as const) {
    await t.test(`${name}: -${line}`, async (each) => {
      const library = libraries.find((candidate) => candidate.name === name);
      if ((await library?.version()) === undefined) {
        each.skip(`${name} is not installed`);
        return;
      }
      await withoutLeaks(async () => {
        await using redis = await RedisProcess.start();
        await redis.command('SET', 'key', 'value');
        await using port = await Refusing.start(redis.port, `-${line}\r\n`);
        port.refuseNext();
        await using client = await library?.connect(port.port);
        assert.match(String(await client?.get()), expected);
      });
    });
  }
});
