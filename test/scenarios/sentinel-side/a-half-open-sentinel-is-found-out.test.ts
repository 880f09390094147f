import assert from 'node:assert/strict';
import { eventually, fakeScenario } from '../../support/index.ts';
import { whoServes } from '../../support/trio.ts';

fakeScenario(
  'a Sentinel that falls silent on standing connections loses both of them, and is heard again later',
  async ({ trio, tunnel }) => {
    const [silent] = trio.sentinels;
    await eventually(() => silent.server.connections.some(({ channels }) => channels.size > 0));
    const before = silent.server.connections;
    assert.equal(before.length, 2);

    silent.script = () => 'hang';
    // A subscriber has nothing to wait for: only its PING every 5 s, with 2.5 s for the answer, finds out.
    await eventually(() => before.every(({ socket }) => socket.destroyed));
    assert.equal(await whoServes(tunnel), 'first');
    await tunnel.waitFor(({ event, sentinel }) => event === 'sentinel.down' && sentinel === silent.seed);

    silent.script = undefined;
    await eventually(() => silent.publish('+tilt', '#tilt mode entered') === 1);
    await eventually(
      () => tunnel.events('sentinel.up').filter(({ sentinel }) => sentinel === silent.seed).length > 1,
    );
  },
);
