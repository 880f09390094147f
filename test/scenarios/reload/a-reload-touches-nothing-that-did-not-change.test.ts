import assert from 'node:assert/strict';
import { platform } from 'node:os';
import { after, before, describe, test } from 'node:test';
import {
  awaitServing,
  configThrough,
  freePort,
  serveThrough,
  startCluster,
  Writer,
  type Cluster,
} from '../../support/index.ts';

const writers = 50;
const reloads = 20;

for (const engine of platform() === 'linux' ? ['streams', 'epoll'] : ['streams']) {
  describe(`reloads under load, ${engine}`, () => {
    let cluster: Cluster;
    before(async () => {
      cluster = await startCluster({ replicas: 0 });
      await cluster.addMaster('other', { replicas: 0 });
    });
    after(() => cluster[Symbol.asyncDispose]());

    test('50 clients write through 20 reloads that add, change and remove another database, without one error', async () => {
      const options = { config: { engine, threads: engine === 'epoll' ? 2 : 1, drainMs: 200 } };
      await using tunnel = await serveThrough(cluster, options);
      const own = configThrough(cluster, options) as { databases: object[] };
      const ports = [await freePort(), await freePort()];
      const port = tunnel.port('mymaster');
      const clients = Array.from({ length: writers }, (_, index) => new Writer(port, `reload ${index}`, 2));
      let served = 0;
      for (let round = 0; round < reloads; round += 1) {
        const other = {
          name: 'other',
          listen: ports[round % 2],
          holdMs: 1000 + round,
          maxConnections: 1 + round,
        };
        const databases = round % 3 === 2 ? own.databases : [...own.databases, other];
        const told = await tunnel.reload({ ...own, databases });
        assert.equal(told.event, 'config.reloaded', tunnel.log());
        assert.notEqual(told['changes'], 0);
        if (databases.length === 1) continue;
        // The other database is really there, too.
        await awaitServing(tunnel, 'other');
        await using writer = new Writer(Number(ports[round % 2]), 'other', 1);
        const acknowledged = writer.acknowledged;
        await tunnel.waitFor(() => acknowledged.length > 0 || undefined !== writer.errors[0]);
        served += acknowledged.length > 0 ? 1 : 0;
      }
      for (const client of clients) await client.stop();
      assert.deepEqual(
        clients.flatMap(({ errors }) => errors),
        [],
      );
      assert.ok(clients.every(({ acknowledged }) => acknowledged.length > reloads));
      assert.ok(served > reloads / 2, `the other database was served in ${String(served)} rounds`);
      assert.equal(
        tunnel.events('master.serving').filter((event) => event['database'] === 'mymaster').length,
        1,
      );
      assert.deepEqual(await tunnel.stop(), { code: 0, signal: null });
    });
  });
}
