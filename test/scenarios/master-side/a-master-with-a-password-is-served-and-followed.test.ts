import assert from 'node:assert/strict';
import { clusterScenario, ReplyError } from '../../support/index.ts';

clusterScenario(
  'a master that wants a password is served, asks each client for it, and is followed in a failover',
  { cluster: { password: 'secret' } },
  async ({ cluster, tunnel }) => {
    await using client = await tunnel.connect(cluster.name);
    client.write('*1\r\n$4\r\nPING\r\n');
    const refusal = await client.readReply();
    assert.ok(refusal instanceof ReplyError);
    assert.equal(refusal.code, 'NOAUTH', 'the tunnel logs nobody in');
    assert.equal(await client.command('AUTH', 'secret'), 'OK');
    assert.equal(await client.command('SET', 'key', 'value'), 'OK');

    const promoted = await cluster.failoverAndSettle();
    assert.ok(['fin', 'reset'].includes(await client.closed));
    await using again = await tunnel.connect(cluster.name);
    assert.equal(await again.command('AUTH', 'secret'), 'OK');
    assert.deepEqual(await again.command('CONFIG', 'GET', 'port'), ['port', String(promoted.port)]);
    assert.deepEqual(tunnel.events('session.refused'), []);
  },
);
