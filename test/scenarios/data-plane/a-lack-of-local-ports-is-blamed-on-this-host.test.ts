import assert from 'node:assert/strict';
import {
  cannotMakeNamespaces,
  FakeSentinel,
  Network,
  RedisProcess,
  RespClient,
  scenario,
  serveThrough,
} from '../../support/index.ts';
import { hasRing } from '../../relay/io/epoll/engines.ts';

const skip = await cannotMakeNamespaces();

for (const engine of (await hasRing()) ? ['streams', 'epoll', 'io_uring'] : ['streams', 'epoll']) {
  scenario(
    `${engine}: no local port left is told of this host, and the master is not suspected`,
    { skip },
    async () => {
      await using network = await Network.create();
      const inside = await network.add();
      await using redis = await RedisProcess.start({ host: network.address });
      await using sentinel = await FakeSentinel.start({
        host: network.address,
        masters: { mymaster: { host: redis.host, port: redis.port } },
      });
      await using tunnel = await serveThrough(
        { name: 'mymaster', seeds: [sentinel.seed] },
        {
          config: { engine },
          database: { listen: '0.0.0.0:7000', holdMs: 400 },
          prefix: [
            ...inside.prefix,
            'sh',
            '-c',
            'echo "40000 40019" > /proc/sys/net/ipv4/ip_local_port_range; exec "$@"',
            'sh',
          ],
        },
      );
      const clients: RespClient[] = [];
      for (let count = 0; count < 30; count += 1)
        clients.push(await RespClient.connect(7000, { host: inside.address }));
      const short = await tunnel.waitFor(({ event }) => event === 'dial.short');
      assert.equal(short['code'], 'EADDRNOTAVAIL');
      await tunnel.waitFor(
        ({ event, reason }) =>
          event === 'session.refused' && String(reason).includes('this host has no local port left'),
      );
      assert.deepEqual(
        tunnel.events().filter(({ event }) => event === 'master.lost' || event === 'dial.failed'),
        [],
      );
      for (const client of clients) await client.close();
    },
  );
}
