import assert from 'node:assert/strict';
import { createConnection } from 'node:net';
import { FakeSentinel, lacksProc, RedisProcess, scenario, serveThrough } from '../../support/index.ts';

scenario(
  'a dial under way when the master moves is dropped, and its client reaches the new one',
  { skip: lacksProc },
  async () => {
    await using old = await RedisProcess.start({ config: ['tcp-backlog 1'] });
    await using next = await RedisProcess.start();
    await using sentinel = await FakeSentinel.naming(old);
    await using tunnel = await serveThrough({ name: 'mymaster', seeds: [sentinel.seed] });
    // Frozen with a full backlog: its kernel drops a SYN instead of answering it, so the next dial hangs.
    old.freeze();
    const fillers = Array.from({ length: 4 }, () => createConnection({ host: old.host, port: old.port }));
    for (const filler of fillers) filler.on('error', () => filler.destroy());
    try {
      await using client = await tunnel.connect('mymaster');
      const reply = client.command('INCR', 'counter');
      sentinel.masters.set('mymaster', { host: next.host, port: next.port, epoch: 1 });
      sentinel.publish('+switch-master', `mymaster ${old.host} ${old.port} ${next.host} ${next.port}`);
      assert.equal(await reply, 1);
      assert.equal(await next.command('GET', 'counter'), '1');
    } finally {
      for (const filler of fillers) filler.destroy();
      old.thaw();
    }
    assert.equal(await old.command('GET', 'counter'), null);
    assert.deepEqual(tunnel.events('session.refused'), []);
  },
);
