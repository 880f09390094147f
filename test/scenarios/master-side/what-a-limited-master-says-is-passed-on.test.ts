import assert from 'node:assert/strict';
import {
  eventually,
  FakeSentinel,
  RedisProcess,
  ReplyError,
  scenario,
  serveThrough,
  type RespClient,
} from '../../support/index.ts';

scenario('a client for which the master has no room hears so from the master, then the end', async () => {
  await using redis = await RedisProcess.start({ config: ['maxclients 8'] });
  await using sentinel = await FakeSentinel.naming(redis);
  await using tunnel = await serveThrough({ name: 'mymaster', seeds: [sentinel.seed] });
  const crowd: RespClient[] = [];
  try {
    const refusal = await eventually(async () => {
      const client = await tunnel.connect('mymaster');
      crowd.push(client);
      client.write('*1\r\n$4\r\nPING\r\n');
      const reply = await client.readReply();
      return reply !== 'PONG' && { reply, client };
    });
    assert.ok(refusal.reply instanceof ReplyError);
    assert.equal(refusal.reply.message, 'ERR max number of clients reached');
    assert.ok(['fin', 'reset'].includes(await refusal.client.closed));
    assert.deepEqual(tunnel.events('master.lost'), []);
  } finally {
    for (const client of crowd) await client.close();
  }
  await eventually(async () => {
    await using client = await tunnel.connect('mymaster');
    return (await client.command('PING')) === 'PONG';
  });
});

scenario('a master that has too few replicas to write says so itself, and stays the master', async () => {
  await using redis = await RedisProcess.start({ config: ['min-replicas-to-write 1'] });
  await using sentinel = await FakeSentinel.naming(redis);
  await using tunnel = await serveThrough({ name: 'mymaster', seeds: [sentinel.seed] });
  await using client = await tunnel.connect('mymaster');
  await assert.rejects(client.command('SET', 'key', 'value'), {
    message: 'NOREPLICAS Not enough good replicas to write.',
  });
  assert.equal(await client.command('PING'), 'PONG');
  assert.deepEqual(tunnel.events('master.lost'), []);
});
