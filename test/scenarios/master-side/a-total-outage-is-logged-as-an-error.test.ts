import assert from 'node:assert/strict';
import {
  awaitServing,
  eventually,
  ReplyError,
  RespClient,
  scenario,
  serveThrough,
  startCluster,
} from '../../support/index.ts';

const holdMs = 1_200;

scenario(
  'a total outage is logged as an error after holdMs, and once more when it is over, with its length and counts',
  async () => {
    await using cluster = await startCluster({ sentinels: 1, replicas: 0, downAfterMs: 20_000 });
    const config = { sentinel: { pollMs: 250 } };
    await using tunnel = await serveThrough(cluster, { database: { holdMs }, config });
    assert.deepEqual(tunnel.events('database.outage'), [], 'a start that finds a master is no outage');
    await using idle = await tunnel.connect(cluster.name);
    assert.equal(await idle.command('PING'), 'PONG');

    const { master } = cluster;
    await cluster.kill(master);
    await tunnel.waitFor(({ event }) => event === 'master.lost');
    await using client = await RespClient.connect(tunnel.port(cluster.name));
    client.write('*1\r\n$4\r\nPING\r\n');
    assert.ok((await client.readReply()) instanceof ReplyError);
    const outage = await tunnel.waitFor(({ event }) => event === 'database.outage');
    assert.equal(outage['level'], 'error');
    assert.equal(outage['database'], cluster.name);
    assert.ok(Number(outage['lastedMs']) >= holdMs, String(outage['lastedMs']));
    assert.match(String(outage['reason']), /cannot be used/);

    await using waiting = await RespClient.connect(tunnel.port(cluster.name));
    waiting.write('*1\r\n$4\r\nPING\r\n');
    await cluster.restart(master);
    await awaitServing(tunnel, cluster.name, master.port);
    await waiting.readReply();
    const over = await tunnel.waitFor(({ event }) => event === 'database.outage-over');
    assert.equal(over['level'], 'info');
    assert.ok(Number(over['lastedMs']) > Number(outage['lastedMs']));
    const refused = tunnel.events('session.refused').reduce((sum, { count }) => sum + Number(count), 0);
    assert.ok(refused >= 1);
    assert.equal(over['refused'], refused);
    assert.equal(typeof over['cut'], 'number');
    assert.ok(Number(over['held']) >= 1, String(over['held']));
    assert.equal(tunnel.events('database.outage').length, 1);
    assert.equal(tunnel.events('database.outage-over').length, 1);
  },
);

scenario('a database whose master is never found is an outage too', async () => {
  await using cluster = await startCluster({ sentinels: 1, replicas: 0 });
  await using tunnel = await serveThrough(cluster, {
    database: { holdMs },
    config: {
      databases: [
        { name: cluster.name, listen: 0 },
        { name: 'absent', listen: 0, holdMs },
      ],
    },
  });
  const outage = await tunnel.waitFor(({ event }) => event === 'database.outage');
  assert.equal(outage['database'], 'absent');
  await eventually(() => tunnel.events('master.missing').length > 0);
  assert.equal((await tunnel.stop()).code, 0);
  assert.deepEqual(tunnel.events('database.outage-over'), [], 'it is not over when the tunnel stops');
});
