import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { awaitSubscribed, phpWithRedis, serveThrough, startCluster, withoutLeaks } from '../support/index.ts';
import { Peer } from './peer.ts';

const run = promisify(execFile);
const php = phpWithRedis();

/** A page view: counts in the session. */
const page = `
session_id('visitor');
session_start();
$_SESSION['views'] = ($_SESSION['views'] ?? 0) + 1;
session_write_close();
echo $_SESSION['views'];
`;

const program = `
ini_set('memory_limit', '1G');
$r = new Redis();
$r->connect('127.0.0.1', (int) $argv[1], 30);
$r->setOption(Redis::OPT_READ_TIMEOUT, 30);
function ordinary($r) {
  if (!$r->set('key', 'value') || $r->get('key') !== 'value') return 'set';
  $r->del('counter');
  if ($r->pipeline()->incr('counter')->incr('counter')->exec() !== [1, 2]) return 'pipeline';
  if ($r->multi()->incr('counter')->get('counter')->exec() !== [3, '3']) return 'multi';
  if ($r->eval("return redis.call('INCRBY', KEYS[1], ARGV[1])", ['counter', 4], 1) !== 7) return 'lua';
  $r->rPush('queue', 'value');
  if ($r->blPop(['queue'], 5) !== ['queue', 'value']) return 'blpop';
  return 'done';
}
function big($r) {
  $value = str_repeat('x', 100 * 1024 * 1024);
  $r->set('big', $value);
  $same = $r->get('big') === $value;
  $r->del('big');
  return $same ? 'same' : 'different';
}
function again($r) {
  for ($i = 0; $i < 5; $i++) {
    try { return $r->ping() ? 'back' : 'no'; } catch (RedisException $e) { usleep(10000); }
  }
  return 'gone';
}
while (($line = fgets(STDIN)) !== false) { echo trim($line)($r), "\\n"; flush(); }
`;

test(
  'php-redis and its session handler work through the tunnel, before and after a failover',
  { skip: php === undefined && 'no PHP with the extension redis here' },
  async (t) => {
    await withoutLeaks(async () => {
      await using cluster = await startCluster({ replicas: 1 });
      await using tunnel = await serveThrough(cluster);
      const port = tunnel.port(cluster.name);
      const view = async (): Promise<string> => {
        const settings = {
          'session.save_handler': 'redis',
          'session.save_path': `tcp://127.0.0.1:${port}?timeout=30`,
          'session.use_cookies': '0',
          'session.cache_limiter': '',
        };
        const flags = Object.entries(settings).flatMap(([name, value]) => ['-d', `${name}="${value}"`]);
        return (await run(php ?? '', [...flags, '-r', page], { timeout: 60_000 })).stdout;
      };
      await using peer = await Peer.start([php ?? '', '-r', program, '--', String(port)]);
      await t.test('commands, pipelines, MULTI, Lua, blocking pops; sessions are kept', async () => {
        assert.equal(await peer.ask('ordinary'), 'done');
        assert.deepEqual([await view(), await view()], ['1', '2']);
      });
      await awaitSubscribed(cluster.sentinels);
      await cluster.failover();
      await tunnel.waitFor(({ event }) => event === 'master.fenced');
      await t.test('a page asked for in the middle of a failover waits and finds its session', async () => {
        assert.equal(await view(), '3');
      });
      const promoted = await cluster.awaitNewMaster(cluster.master);
      await t.test('the same after the failover, on the same object', async () => {
        assert.equal(await peer.ask('again'), 'back');
        assert.equal(await peer.ask('ordinary'), 'done');
        assert.equal(await promoted.command('GET', 'counter'), '7');
        assert.equal(await view(), '4');
      });
      await t.test('a value of 100 MB', async () => {
        assert.equal(await peer.ask('big'), 'same');
      });
      assert.deepEqual(tunnel.events('session.refused'), []);
    });
  },
);
