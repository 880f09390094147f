import assert from 'node:assert/strict';
import { platform } from 'node:os';
import { clusterScenario, configThrough, freePort, type RespClient } from '../../support/index.ts';

/** More than are accepted from a listener in one iteration, which are 64. */
const count = 300;

for (const engine of platform() === 'linux' ? ['streams', 'epoll'] : ['streams']) {
  clusterScenario(
    `every client that has connected before its listener is closed by a reload is served, with ${engine}`,
    { cluster: { replicas: 0, sentinels: 1 }, tunnel: { config: { engine } } },
    async ({ cluster, tunnel }) => {
      const clients: RespClient[] = [];
      try {
        tunnel.freeze();
        for (let number = 0; number < count; number += 1) clients.push(await tunnel.connect(cluster.name));
        const replies = Promise.all(clients.map((client) => client.command('PING')));
        const reloaded = tunnel.reload(
          configThrough(cluster, { config: { engine }, database: { listen: await freePort() } }),
        );
        tunnel.thaw();
        assert.equal((await reloaded).event, 'config.reloaded');
        assert.deepEqual(new Set(await replies), new Set(['PONG']));
      } finally {
        await Promise.all(clients.map((client) => client.close()));
      }
    },
  );
}
