import assert from 'node:assert/strict';
import { Scope } from '../../../src/lifecycle/scope.ts';
import {
  cannotMakeNamespaces,
  eventually,
  RespClient,
  scenario,
  startThrough,
  type TunnelProcess,
} from '../../support/index.ts';
import { Divided, masterName } from './divided.ts';

scenario(
  'in a partition the old master is left once one Sentinel of the majority can be heard',
  { skip: await cannotMakeNamespaces() },
  async (t) => {
    await using divided = await Divided.start();
    await using scope = new Scope();
    const { network, minor, major, app, master, replica } = divided;
    const source = { name: masterName, seeds: divided.seeds };
    // One tunnel sees everybody; two stand beside the minority and lose sight of the majority.
    const seeing = scope.use(await startThrough(source));
    const inApp = (listen: string, onSentinelLoss: string): Promise<TunnelProcess> =>
      startThrough(source, {
        prefix: app.prefix,
        database: { listen: `${app.address}:${listen}`, onSentinelLoss },
      });
    const serving = scope.use(await inApp('7001', 'serve'));
    const refusing = scope.use(await inApp('7002', 'refuse'));
    for (const tunnel of [seeing, serving, refusing]) await tunnel.waitFor(isServing(master.host));
    const connect = (tunnel: TunnelProcess): Promise<RespClient> =>
      RespClient.connect(tunnel.port(masterName), {
        host: tunnel === seeing ? '127.0.0.1' : app.address,
      });
    const sessions = await Promise.all([connect(seeing), connect(serving), connect(refusing)]);
    for (const session of sessions) scope.use(session);
    for (const session of sessions) assert.equal(await session.command('SET', 'key', 'before'), 'OK');
    const [ofSeeing, ofServing, ofRefusing] = sessions;

    await network.partition(app, major);
    await network.partition(minor, major);
    const promoted = `${replica.host}:${replica.port}`;
    await eventually(async () => (await divided.named(1)) === promoted);
    const role = await master.command('ROLE');
    assert.ok(Array.isArray(role) && role[0] === 'master', 'there are two masters now');
    assert.notEqual(await divided.named(0), promoted, 'the minority names the old one');

    await t.test('who hears both parts follows the higher epoch and leaves the old master', async () => {
      await seeing.waitFor(isServing(replica.host));
      assert.notEqual(await ofSeeing.closed, 'local');
      for (let count = 0; count < 10; count++) {
        await using client = await connect(seeing);
        assert.equal(await client.command('SET', 'key', 'promoted'), 'OK');
      }
      assert.equal(await replica.command('GET', 'key'), 'promoted');
      assert.equal(await master.command('GET', 'key'), 'before');
    });
    await t.test('who hears the minority alone goes on serving, and says that it is degraded', async () => {
      const degraded = await serving.waitFor(({ event }) => event === 'master.degraded');
      assert.match(String(degraded['reasons']), /only 1 of 3 Sentinels answer/);
      assert.equal(await ofServing.command('GET', 'key'), 'before');
    });
    await t.test('with onSentinelLoss: refuse it cuts and refuses instead', async () => {
      assert.notEqual(await ofRefusing.closed, 'local');
      await using client = await connect(refusing);
      assert.match(String(await client.readReply()), /sentinel-tunnel: .*only 1 of 3 Sentinels answer/);
    });

    await network.heal(app, major);
    await t.test('both leave for the new master as soon as the majority is heard again', async () => {
      for (const tunnel of [serving, refusing]) {
        await tunnel.waitFor(isServing(replica.host));
      }
      assert.notEqual(await ofServing.closed, 'local');
      await using client = await connect(refusing);
      assert.equal(await client.command('GET', 'key'), 'promoted');
    });
    await network.heal(minor, major);
    await t.test('when the partition has healed nobody goes back', async () => {
      await eventually(async () => (await divided.named(0)) === promoted);
      await using client = await connect(seeing);
      assert.equal(await client.command('GET', 'key'), 'promoted');
      assert.equal(seeing.events('master.serving').filter(isServing(master.host)).length, 1);
    });
  },
);

function isServing(host: string): (event: Readonly<Record<string, unknown>>) => boolean {
  return ({ event, endpoint }) => event === 'master.serving' && String(endpoint).startsWith(`${host}:`);
}
