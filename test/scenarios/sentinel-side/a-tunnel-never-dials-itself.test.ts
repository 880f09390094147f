import assert from 'node:assert/strict';
import { call } from '../../cli/call.ts';
import {
  awaitServing,
  eventually,
  FakeRedis,
  freePort,
  scenario,
  startThrough,
} from '../../support/index.ts';
import { Trio, whoServes } from '../../support/trio.ts';

for (const [how, listenHost, host, addressMap] of [
  ['by its address', '127.0.0.1', '127.0.0.1', {}],
  ['by a name', '127.0.0.1', 'localhost', {}],
  ['by an address of a listener on all of them', '0.0.0.0', '127.0.0.7', {}],
  ['by the address map', '127.0.0.1', '192.0.2.1', { '192.0.2.0/24': '127.0.0.1' }],
] as const) {
  scenario(`a tunnel never dials itself, though a Sentinel names it ${how}, and says why`, async () => {
    await using redis = await FakeRedis.start();
    redis.values.set('who', 'the real one');
    const port = await freePort();
    await using trio = await Trio.start({ host, port }, 1);
    await using tunnel = await startThrough(trio.source, {
      database: { listen: `${listenHost}:${String(port)}`, holdMs: 300 },
      config: { addressMap },
    });
    const lost = await tunnel.waitFor(
      ({ event, reason }) => event === 'master.lost' && String(reason).includes('this tunnel itself'),
    );
    assert.match(String(lost['reason']), /which cannot be used: that is this tunnel itself$/);
    await using client = await tunnel.connect('mymaster');
    assert.match(String(await client.readReply()), /that is this tunnel itself; waited 300 ms/);
    assert.deepEqual(tunnel.events('dial.failed'), [], 'nobody was connected to it');
    const { stdout } = await call(['check', '--config', tunnel.configFile]);
    assert.match(stdout, /cannot be used: that is this tunnel itself/);
    trio.say({ host: redis.host, port: redis.port }, 2);
    await awaitServing(tunnel, 'mymaster', redis.port);
    assert.equal(await eventually(() => whoServes(tunnel)), 'the real one');
  });
}
