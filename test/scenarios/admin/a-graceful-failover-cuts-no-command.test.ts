import assert from 'node:assert/strict';
import type { Status } from '../../../src/admin/status.ts';
import { Scope } from '../../../src/lifecycle/scope.ts';
import type { GracefulOutcome } from '../../../src/tunnel/graceful.ts';
import { ask, clusterScenario, eventually, Writer } from '../../support/index.ts';

const token = 'a-token-of-the-tests';
const headers = { authorization: `Bearer ${token}` };
const body = JSON.stringify({ graceful: true, finishMs: 10_000 });

clusterScenario(
  'a graceful failover answers what was asked, loses nothing, and says so',
  { tunnel: { config: { admin: { listen: 0, token } } } },
  async ({ cluster, tunnel }) => {
    await tunnel.waitFor(({ event }) => event === 'admin.opened');
    const port = tunnel.port(cluster.name);
    await using client = await tunnel.connect(cluster.name);
    await client.command('SET', 'key', 'before');
    await using scope = new Scope();
    const writers = Array.from({ length: 4 }, (_, index) => scope.use(new Writer(port, `w${index}`, 0)));
    await eventually(() => writers.every(({ acknowledged }) => acknowledged.length > 20));
    const path = `/databases/${cluster.name}/failover`;
    const answer = await ask(tunnel.adminPort, path, { method: 'POST', headers, body });
    assert.equal(answer.status, 200, answer.text);
    const outcome = answer.json() as GracefulOutcome;
    assert.deepEqual(outcome.quiescence, { resting: 5, busy: 0 });
    assert.deepEqual([outcome.lost.writes, outcome.lost.bytes], [0, 0], outcome.lost.why);
    const promoted = await cluster.awaitNewMaster(cluster.master);
    assert.equal(outcome.story?.to, `127.0.0.1:${promoted.port}`);
    assert.equal(outcome.story.from, `127.0.0.1:${cluster.master.port}`);
    const before = writers.map(({ acknowledged }) => acknowledged.length);
    await eventually(() =>
      writers.every(({ acknowledged }, index) => acknowledged.length > (before[index] ?? 0)),
    );
    for (const writer of writers) {
      await writer.stop();
      const members = await promoted.command('SMEMBERS', writer.key);
      assert.ok(Array.isArray(members));
      assert.deepEqual(writer.lost(members), []);
    }
  },
);

clusterScenario(
  'a graceful failover that Sentinel refuses leaves everything as it was',
  { cluster: { replicas: 0, sentinels: 1 }, tunnel: { config: { admin: { listen: 0, token } } } },
  async ({ cluster, tunnel }) => {
    await tunnel.waitFor(({ event }) => event === 'admin.opened');
    await using client = await tunnel.connect(cluster.name);
    await client.command('SET', 'key', 'value');
    const path = `/databases/${cluster.name}/failover`;
    const answer = await ask(tunnel.adminPort, path, { method: 'POST', headers, body });
    assert.equal(answer.status, 409);
    assert.match(answer.text, /NOGOODSLAVE/);
    assert.equal(await client.command('GET', 'key'), 'value', 'the same session goes on');
    const status = (await ask(tunnel.adminPort, '/status', { headers })).json() as Status;
    assert.equal(status.ready, true);
    assert.equal(status.databases[0]?.generation, 1);
  },
);
