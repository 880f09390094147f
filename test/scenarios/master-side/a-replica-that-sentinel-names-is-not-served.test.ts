import assert from 'node:assert/strict';
import { awaitServing, clusterScenario, connectionsTo, lacksProc, ReplyError } from '../../support/index.ts';

clusterScenario(
  'a server that was made a replica behind the back of Sentinel is not served, nor the master it names',
  { skip: lacksProc, cluster: { downAfterMs: 20_000 } },
  async ({ cluster, tunnel }) => {
    await using session = await tunnel.connect(cluster.name);
    assert.equal(await session.command('SET', 'key', '1'), 'OK');
    const { master } = cluster;
    const usurper = cluster.replica(0);

    await usurper.command('REPLICAOF', 'NO', 'ONE');
    await master.command('REPLICAOF', usurper.host, usurper.port);
    // The session of before hears what the server says, word for word.
    session.write('*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$1\r\n2\r\n');
    const reply = await session.readReply();
    assert.ok(reply instanceof ReplyError);
    assert.equal(reply.message, "READONLY You can't write against a read only replica.");
    const lost = await tunnel.waitFor(({ event }) => event === 'master.lost');
    assert.match(String(lost['reason']), new RegExp(`names 127.0.0.1:${master.port}.*it is a replica`));
    await using held = await tunnel.connect(cluster.name);
    const answer = held.command('SET', 'key', '3');
    assert.equal(await connectionsTo(tunnel.pid, usurper.port), 0);

    await master.command('REPLICAOF', 'NO', 'ONE');
    await usurper.command('REPLICAOF', master.host, master.port);
    await awaitServing(tunnel, cluster.name, master.port);
    assert.equal(await answer, 'OK');
  },
);
