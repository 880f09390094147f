import assert from 'node:assert/strict';
import { awaitServing, eventually, scenario, serveThrough, startCluster } from '../../support/index.ts';

const promotions = ['+failover-state-send-slaveof-noone', '+failover-state-wait-promotion'];

scenario(
  'Sentinels whose ACL forbids the channels of a promotion are told of once, and followed by what they answer',
  async () => {
    await using cluster = await startCluster();
    for (const sentinel of cluster.sentinels)
      await sentinel.command('ACL', 'SETUSER', 'default', 'resetchannels', '&+switch-master', '&?sdown');
    await using tunnel = await serveThrough(cluster);
    const told = () => tunnel.events('sentinel.partly-heard');
    await eventually(() => told().length === 3);
    for (const { level, refused, effect } of told()) {
      assert.equal(level, 'warn');
      for (const channel of promotions) assert.ok(String(refused).includes(channel));
      assert.ok(!String(refused).includes('+switch-master'));
      assert.match(String(effect), /noticed by its answer, about a second later/);
    }

    const promoted = await cluster.failoverAndSettle();
    await awaitServing(tunnel, cluster.name, promoted.port);
    const served = tunnel.events('master.serving').at(-1);
    assert.equal(served?.['standing'], 'confirmed');

    // The connection breaks and stands again: nothing has changed, so nothing is said, until something does.
    const sentinel = cluster.sentinel(0);
    const again = async (wanted: (channels: number) => boolean): Promise<void> => {
      const before = (await listeners()).map(({ id }) => id);
      await sentinel.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await eventually(async () =>
        (await listeners()).some(({ id, channels }) => !before.includes(id) && wanted(channels)),
      );
    };
    const listeners = async (): Promise<readonly { id: string; channels: number }[]> => {
      const list = String(await sentinel.command('CLIENT', 'LIST', 'TYPE', 'pubsub'));
      return [...list.matchAll(/^id=(\d+) .* sub=(\d+) /gm)].map(([, id = '', channels]) => ({
        id,
        channels: Number(channels),
      }));
    };
    await again((channels) => channels === 3);
    assert.equal(told().length, 3);
    await sentinel.command('ACL', 'SETUSER', 'default', 'allchannels');
    await again((channels) => channels > 20);
    assert.equal(told().length, 3);
    await sentinel.command('ACL', 'SETUSER', 'default', 'resetchannels', '&+switch-master');
    await again((channels) => channels === 1);
    await eventually(() => told().length === 4);
  },
);
