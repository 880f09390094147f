import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pythonWithRedis, serveThrough, startCluster, withoutLeaks } from '../support/index.ts';
import { Peer } from './peer.ts';

const python = pythonWithRedis();

const program = `
import redis, sys, threading, time
r = redis.Redis(port=int(sys.argv[1]), decode_responses=True)
heard = []
def listen():
    p = redis.Redis(port=int(sys.argv[1]), decode_responses=True).pubsub()
    p.subscribe('news')
    while True:
        try:
            m = p.get_message(timeout=0.1)
            if m and m['type'] == 'message': heard.append(m['data'])
        except redis.exceptions.ConnectionError:
            time.sleep(0.01)
threading.Thread(target=listen, daemon=True).start()

def ordinary():
    assert r.set('key', 'value') and r.get('key') == 'value'
    r.delete('counter')
    assert r.pipeline(transaction=False).incr('counter').incr('counter').execute() == [1, 2]
    assert r.pipeline(transaction=True).incr('counter').get('counter').execute() == [3, '3']
    assert r.eval("return redis.call('INCRBY', KEYS[1], ARGV[1])", 1, 'counter', 4) == 7
    r.rpush('queue', 'value')
    assert r.blpop('queue', 5) == ('queue', 'value')
    before = len(heard)
    for _ in range(200):
        r.publish('news', 'hello')
        if len(heard) > before: return 'done'
        time.sleep(0.05)
    return 'nothing heard'

def big():
    value = 'x' * (100 * 1024 * 1024)
    r.set('big', value)
    same = r.get('big') == value
    r.delete('big')
    return 'same' if same else 'different'

def again():
    # redis-py tells the application of the cut, which asks again
    for _ in range(5):
        try: return 'back' if r.ping() else 'no'
        except redis.exceptions.ConnectionError: pass

for line in sys.stdin:
    print({'ordinary': ordinary, 'big': big, 'again': again}[line.strip()](), flush=True)
`;

test(
  'python3-redis works through the tunnel, before and after a failover',
  { skip: python === undefined && 'no Python with the package redis here' },
  async () => {
    await withoutLeaks(async () => {
      await using cluster = await startCluster({ replicas: 1 });
      await using tunnel = await serveThrough(cluster);
      await using peer = await Peer.start([python ?? '', '-c', program, String(tunnel.port(cluster.name))]);
      assert.equal(await peer.ask('ordinary'), 'done');
      const promoted = await cluster.failoverAndSettle();
      assert.equal(await peer.ask('again'), 'back');
      assert.equal(await peer.ask('ordinary'), 'done');
      assert.equal(await promoted.command('GET', 'counter'), '7');
      assert.equal(await peer.ask('big'), 'same');
      assert.deepEqual(tunnel.events('session.refused'), []);
    });
  },
);
