import assert from 'node:assert/strict';
import {
  awaitServing,
  eventually,
  FakeRedis,
  RespClient,
  scenario,
  serveThrough,
  type TunnelProcess,
} from '../../support/index.ts';
import { announcePromotion, isAlive, name, says, Trio, whoServes } from '../../support/trio.ts';

interface Lab extends AsyncDisposable {
  readonly old: FakeRedis;
  readonly candidate: FakeRedis;
  readonly trio: Trio;
}

async function startLab(): Promise<Lab> {
  const old = await FakeRedis.start();
  const candidate = await FakeRedis.start({ role: 'slave' });
  old.values.set('who', 'old');
  candidate.values.set('who', 'new');
  const trio = await Trio.start(old);
  const close = async (): Promise<void> => {
    await Promise.all([old.close(), candidate.close(), trio[Symbol.asyncDispose]()]);
  };
  return { old, candidate, trio, [Symbol.asyncDispose]: close };
}

/**
 * A client that has come while the candidate was no master yet, and is served by it as soon as it is one: how long it is
 * served on nobody's word but its own is a matter of seconds.
 */
async function heldWhilePromoted({ old, candidate, trio }: Lab, tunnel: TunnelProcess): Promise<RespClient> {
  await announcePromotion(trio.sentinels[0], candidate, old);
  await tunnel.waitFor(({ event }) => event === 'master.fenced');
  const held = await RespClient.connect(tunnel.port(name));
  held.write('*2\r\n$3\r\nGET\r\n$3\r\nwho\r\n');
  candidate.role = 'master';
  return held;
}

scenario(
  'when the leader announces a promotion, sessions are cut and new ones held; the promoted replica gets them and is confirmed',
  async () => {
    await using lab = await startLab();
    const { old, candidate, trio } = lab;
    const [leader] = trio.sentinels;
    await using tunnel = await serveThrough(trio.source);
    await using session = await tunnel.connect(name);
    assert.ok(await isAlive(session));

    await announcePromotion(leader, candidate, old);
    assert.notEqual(await session.closed, 'local');
    await using held = await RespClient.connect(tunnel.port(name));
    held.write('*2\r\n$3\r\nGET\r\n$3\r\nwho\r\n');
    await tunnel.waitFor(({ event }) => event === 'master.fenced');
    await assert.rejects(held.readReply(100), 'the candidate is a replica still');
    candidate.role = 'master';
    assert.equal(await held.readReply(), 'new');
    // All Sentinels, the leader too, go on naming the old master for about a second.
    await tunnel.waitFor(({ event, standing }) => event === 'master.serving' && standing === 'provisional');
    says(leader, candidate, 1);
    await tunnel.waitFor(({ event }) => event === 'master.confirmed');
    assert.equal(await held.command('GET', 'who'), 'new');
  },
);

scenario('a failover that is given up leads back to the old master', async () => {
  await using lab = await startLab();
  const { old, candidate, trio } = lab;
  const [leader] = trio.sentinels;
  await using tunnel = await serveThrough(trio.source);
  await announcePromotion(leader, candidate, old);
  await tunnel.waitFor(({ event }) => event === 'master.fenced');
  await using held = await RespClient.connect(tunnel.port(name));
  const given = `master ${name} ${old.host} ${String(old.port)}`;
  await eventually(() => leader.publish('-failover-abort-slave-timeout', given) > 0);
  assert.equal(await held.command('GET', 'who'), 'old');
});

scenario(
  'a new master that no Sentinel confirms is left again, and the old one served by the answers',
  async () => {
    await using lab = await startLab();
    const { old, trio } = lab;
    await using tunnel = await serveThrough(trio.source);
    await using session = await heldWhilePromoted(lab, tunnel);
    assert.equal(await session.readReply(), 'new');
    assert.notEqual(await session.closed, 'local');
    await awaitServing(tunnel, name, old.port);
    assert.equal(await whoServes(tunnel), 'old');
  },
);

scenario(
  'when its announcer is lost a new master that says it is one is not served until it is confirmed',
  async () => {
    await using lab = await startLab();
    const { candidate, trio } = lab;
    const [leader, other] = trio.sentinels;
    await using tunnel = await serveThrough(trio.source);
    await using session = await heldWhilePromoted(lab, tunnel);
    assert.equal(await session.readReply(), 'new');

    await leader.close();
    assert.notEqual(await session.closed, 'local');
    await eventually(() => tunnel.events('master.fenced').length === 2);
    await using held = await RespClient.connect(tunnel.port(name));
    held.write('*2\r\n$3\r\nGET\r\n$3\r\nwho\r\n');
    await assert.rejects(held.readReply(300));
    says(other, candidate, 1);
    assert.equal(await held.readReply(), 'new');
  },
);
