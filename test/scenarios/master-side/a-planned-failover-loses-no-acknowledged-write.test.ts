import assert from 'node:assert/strict';
import {
  awaitSubscribed,
  eventually,
  scenario,
  serveThrough,
  startCluster,
  Writer,
} from '../../support/index.ts';

const writers = 10;

scenario(
  'a planned failover loses no acknowledged write and costs each client its cut session only',
  async (t) => {
    await using cluster = await startCluster();
    const other = await cluster.addMaster('other', { replicas: 1 });
    await using tunnel = await serveThrough(cluster, { names: [cluster.name, other.name] });
    await using bystander = await tunnel.connect(other.name);
    assert.equal(await bystander.command('SET', 'key', 'value'), 'OK');

    const crowd = Array.from(
      { length: writers },
      (_, index) => new Writer(tunnel.port(cluster.name), `w${index}`),
    );
    try {
      for (const writer of crowd) await writer.awaitAcknowledged(50);
      await awaitSubscribed(cluster.sentinels);
      await cluster.failover();
      await tunnel.waitFor(({ event }) => event === 'master.fenced');
      // Connects while there is no master to connect to.
      await using held = await tunnel.connect(cluster.name);
      const reply = held.command('SET', 'held', 'served');
      await tunnel.waitFor(({ event, generation }) => event === 'master.serving' && Number(generation) > 1);
      // A session on the new master while the Sentinels still tell each other of it: every Sentinel announces the
      // switch in its own time, the leader last.
      await using early = await tunnel.connect(cluster.name);
      assert.equal(await early.command('SET', 'early', 'served'), 'OK');
      const promoted = await cluster.awaitNewMaster(cluster.master);
      for (const sentinel of cluster.sentinels) await endOfFailover(sentinel);
      for (const writer of crowd) await writer.awaitAcknowledged(20);
      for (const writer of crowd) await writer.stop();

      await t.test('no acknowledged write is lost', async () => {
        for (const writer of crowd) {
          const members = await promoted.command('SMEMBERS', writer.key);
          assert.ok(Array.isArray(members));
          assert.deepEqual(writer.lost(members), []);
        }
      });
      await t.test('each writer saw one error: its cut session', () => {
        assert.deepEqual(
          crowd.map(({ errors }) => errors.length),
          crowd.map(() => 1),
          JSON.stringify(crowd.map(({ errors }) => errors)),
        );
      });
      await t.test('a client that came during the failover was held, not refused', async () => {
        assert.equal(await reply, 'OK');
        assert.equal(await promoted.command('GET', 'held'), 'served');
        assert.deepEqual(tunnel.events('session.refused'), []);
      });
      await t.test('a session on the new master outlives the announcements that come late', async () => {
        assert.equal(await early.command('SET', 'early', 'still'), 'OK');
        assert.equal(await promoted.command('GET', 'early'), 'still');
      });
      await t.test('the sessions of another database on the same Sentinels are left alone', async () => {
        assert.equal(await bystander.command('GET', 'key'), 'value');
        assert.deepEqual(
          tunnel.events('master.fenced').filter((event) => event['database'] === other.name),
          [],
        );
      });
      await t.test('the failover is told as one story', async () => {
        const story = await tunnel.waitFor(({ event }) => event === 'failover.story');
        assert.equal(story['from'], `127.0.0.1:${cluster.master.port}`);
        assert.equal(story['to'], `127.0.0.1:${promoted.port}`);
        assert.ok(Number(story['cut']) >= writers);
        assert.ok(Number(story['held']) <= writers + 1);
        for (const milestone of ['fencedMs', 'promotedMs', 'servedMs', 'confirmedMs', 'firstByteMs']) {
          assert.equal(typeof story[milestone], 'number', milestone);
        }
      });
    } finally {
      for (const writer of crowd) await writer[Symbol.asyncDispose]();
    }

    async function endOfFailover(sentinel: { log: () => string }): Promise<void> {
      await eventually(() => sentinel.log().includes(`+switch-master ${cluster.name} `));
    }
  },
);
