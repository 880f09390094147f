import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  cannotMakeNamespaces,
  freePort,
  Network,
  RedisProcess,
  RespClient,
  scenario,
  startThrough,
} from '../../support/index.ts';
import { name } from '../../support/trio.ts';

scenario(
  'a loopback address that a Sentinel of another host reports is not dialled here',
  { skip: await cannotMakeNamespaces() },
  async () => {
    await using network = await Network.create();
    const there = await network.add();
    // A server of ours that has nothing to do with it, at the same port.
    await using unrelated = await RedisProcess.start({ port: await freePort('127.0.0.1') });
    const { port } = unrelated;
    await using master = await RedisProcess.start({
      host: there.address,
      port,
      prefix: there.prefix,
      config: ['bind 0.0.0.0'],
    });
    const sentinelPort = 26379; // in its namespace it is alone
    const start = (host: string): Promise<RedisProcess> =>
      RedisProcess.start({
        sentinel: true,
        host: there.address,
        port: sentinelPort,
        prefix: there.prefix,
        config: [
          'bind 0.0.0.0',
          'sentinel resolve-hostnames yes',
          'sentinel announce-hostnames yes',
          `sentinel monitor ${name} ${host} ${String(port)} 1`,
        ],
      });
    for (const host of ['127.0.0.1', '127.0.1.1', 'localhost']) {
      await using sentinel = await start(host);
      const seeds = [`${sentinel.host}:${String(sentinel.port)}`];
      await using tunnel = await startThrough({ name, seeds }, { config: { sentinel: { pollMs: 50 } } });
      const told = await tunnel.waitFor(({ event }) => event === 'sentinel.down');
      assert.match(
        String(told['reason']),
        /^it reports \S+ from another host, where that address means the host itself: /,
      );
      await using client = await RespClient.connect(tunnel.port(name));
      client.write('*3\r\n$3\r\nSET\r\n$7\r\nwritten\r\n$1\r\n1\r\n');
      await sleep(500); // ten rounds of questions
      assert.equal(await unrelated.command('EXISTS', 'written'), 0);
      assert.equal(tunnel.events('master.serving').length, 0, tunnel.log());
      assert.equal(tunnel.events('sentinel.down').length, 1, 'told more than once');
    }

    // An address of this host that others reach is as good as any.
    await using here = await RedisProcess.start({
      host: network.address,
      config: [`bind ${network.address}`],
    });
    await using sentinel = await RedisProcess.start({
      sentinel: true,
      host: there.address,
      port: sentinelPort,
      prefix: there.prefix,
      config: ['bind 0.0.0.0', `sentinel monitor ${name} ${here.host} ${String(here.port)} 1`],
    });
    await using tunnel = await startThrough({ name, seeds: [`${sentinel.host}:${String(sentinel.port)}`] });
    await using client = await tunnel.connect(name);
    assert.equal(await client.command('SET', 'written', '1'), 'OK');
    assert.equal(await here.command('GET', 'written'), '1');
    assert.equal(await master.command('EXISTS', 'written'), 0);
  },
);
