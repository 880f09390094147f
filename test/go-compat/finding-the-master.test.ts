import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  awaitServing,
  badReplies,
  eventually,
  FakeRedis,
  FakeSentinel,
  freePort,
  FullBacklog,
  withoutLeaks,
  type FakeMaster,
  type TunnelProcess,
} from '../support/index.ts';
import { startDropIn } from './drop-in.ts';

test('every client reaches the master of its own database, also after the connections to Sentinel broke', async () => {
  await withoutLeaks(async () => {
    await using one = await FakeRedis.start();
    await using two = await FakeRedis.start();
    await using sentinel = await FakeSentinel.start({ masters: { db1: at(one), db2: at(two) } });
    one.values.set('who', 'db1');
    two.values.set('who', 'db2');
    await using tunnel = await startDropIn([sentinel.seed], ['db1', 'db2']);
    for (let round = 0; round < 10; round++) {
      // Clients that leave without waiting, while the question to Sentinel is being asked again: the answer to one
      // request went to another's waiter then, and stayed shifted for ever.
      sentinel.server.cutAll();
      const leaving = await tunnel.connect('db1');
      leaving.reset();
      const answers = await Promise.all(['db1', 'db2'].map((name) => ask(tunnel, name, 'GET', 'who')));
      assert.deepEqual(answers, ['db1', 'db2']);
    }
  });
});

test('all databases are served again after every Sentinel was gone, by what it says then', async () => {
  await withoutLeaks(async () => {
    await using one = await FakeRedis.start();
    await using two = await FakeRedis.start();
    await using moved = await FakeRedis.start();
    moved.values.set('who', 'moved');
    const port = await freePort();
    const masters = { db1: at(one), db2: at(two) };
    const before = await FakeSentinel.start({ port, masters });
    await using tunnel = await startDropIn([before.seed], ['db1', 'db2']);
    await ask(tunnel, 'db1', 'PING');
    await before.close();
    for (let round = 0; round < 5; round++) await ask(tunnel, 'db2', 'PING');

    await using back = await FakeSentinel.start({ port, masters: { ...masters, db1: at(moved, 1) } });
    assert.ok(back.port > 0);
    await awaitServing(tunnel, 'db1', moved.port);
    assert.equal(await ask(tunnel, 'db1', 'GET', 'who'), 'moved');
    assert.equal(await ask(tunnel, 'db2', 'PING'), 'PONG');
  });
});

test('a Sentinel that accepts and says nothing holds up no database', async () => {
  await withoutLeaks(async () => {
    await using redis = await FakeRedis.start();
    await using hung = await FakeSentinel.start({ accept: 'hang' });
    await using sound = await FakeSentinel.start({ masters: { db1: at(redis), db2: at(redis) } });
    await using tunnel = await startDropIn([hung.seed, sound.seed], ['db1', 'db2']);
    const answers = await Promise.all(['db1', 'db2'].map((name) => ask(tunnel, name, 'PING')));
    assert.deepEqual(answers, ['PONG', 'PONG']);
    assert.ok(hung.accepted > 0, 'the hung Sentinel was asked');
  });
});

test('no reply of a Sentinel ends the process or misleads it', async () => {
  await withoutLeaks(async () => {
    await using redis = await FakeRedis.start();
    await using sound = await FakeSentinel.start({ masters: { db1: at(redis) } });
    const replies: readonly (string | Uint8Array)[] = [
      ...Object.values(badReplies),
      '*0\r\n',
      '*-2\r\n',
      '*2147483647\r\n',
      `+${'x'.repeat(5000)}\r\n`,
      '$-7\r\n',
    ];
    const mad = await Promise.all(
      replies.map((raw) => FakeSentinel.start({ answer: () => ({ raw }), masters: {} })),
    );
    try {
      await using tunnel = await startDropIn([...mad.map(({ seed }) => seed), sound.seed], ['db1']);
      assert.equal(await ask(tunnel, 'db1', 'PING'), 'PONG');
      for (const sentinel of mad) await eventually(() => sentinel.server.asked.length > 0);
      assert.equal(await ask(tunnel, 'db1', 'PING'), 'PONG');
      assert.equal(tunnel.exit, undefined);
    } finally {
      for (const sentinel of mad) await sentinel.close();
    }
  });
});

test('Sentinels that do not know the name, or say so with an error, are passed over', async () => {
  await withoutLeaks(async () => {
    await using redis = await FakeRedis.start();
    await using ignorant = await FakeSentinel.start();
    await using unsure = await FakeSentinel.start({ answer: () => ({ raw: badReplies.idontknow }) });
    await using full = await FakeSentinel.start({ answer: () => ({ raw: badReplies.maxclients }) });
    await using knowing = await FakeSentinel.start({ masters: { db1: at(redis) } });
    const seeds = [ignorant, unsure, full, knowing].map(({ seed }) => seed);
    await using tunnel = await startDropIn(seeds, ['db1']);
    assert.equal(await ask(tunnel, 'db1', 'PING'), 'PONG');
  });
});

test('sessions are cut when Sentinel names another master, though the old one would go on serving them', async () => {
  await withoutLeaks(async () => {
    await using old = await FakeRedis.start();
    await using promoted = await FakeRedis.start();
    promoted.values.set('who', 'promoted');
    await using sentinel = await FakeSentinel.start({ masters: { db1: at(old) } });
    await using tunnel = await startDropIn([sentinel.seed], ['db1']);
    await using client = await tunnel.connect('db1');
    assert.equal(await client.command('SET', 'a', '1'), 'OK');
    sentinel.masters.set('db1', at(promoted, 1));
    assert.notEqual(await client.closed, 'local');
    assert.equal(old.role, 'master');
    assert.equal(await ask(tunnel, 'db1', 'GET', 'who'), 'promoted');
  });
});

test('a master that cannot be reached keeps a client only until Sentinel names another', async () => {
  await withoutLeaks(async () => {
    await using redis = await FakeRedis.start();
    await using silent = await FullBacklog.start();
    await using sentinel = await FakeSentinel.start({
      masters: { db1: { host: silent.host, port: silent.port } },
    });
    await using tunnel = await startDropIn([sentinel.seed], ['db1']);
    await using client = await tunnel.connect('db1');
    const reply = client.command('PING');
    await tunnel.waitFor(({ event }) => event === 'master.lost' || event === 'master.unknown');
    sentinel.masters.set('db1', at(redis, 1));
    assert.equal(await reply, 'PONG');
  });
});

test('the program starts while no Sentinel is up, and serves as soon as one is', async () => {
  await withoutLeaks(async () => {
    await using redis = await FakeRedis.start();
    const port = await freePort();
    await using tunnel = await startDropIn([`127.0.0.1:${port}`], ['db1']);
    await using client = await tunnel.connect('db1');
    const reply = client.command('PING');
    await tunnel.waitFor(({ event }) => event === 'sentinel.down');
    await using sentinel = await FakeSentinel.start({ port, masters: { db1: at(redis) } });
    assert.equal(await reply, 'PONG');
    assert.ok(sentinel.accepted > 0);
  });
});

test('a server that says it is a replica is not served, though Sentinel names it', async () => {
  await withoutLeaks(async () => {
    await using redis = await FakeRedis.start({ role: 'slave' });
    await using sentinel = await FakeSentinel.start({ masters: { db1: at(redis) } });
    await using tunnel = await startDropIn([sentinel.seed], ['db1']);
    await using client = await tunnel.connect('db1');
    const reply = client.command('PING');
    await tunnel.waitFor(({ reason }) => String(reason).includes('it is a replica'));
    assert.equal(redis.count('PING'), 0);
    redis.role = 'master';
    assert.equal(await reply, 'PONG');
  });
});

test('a Sentinel that names the tunnel itself does not make it connect to itself', async () => {
  await withoutLeaks(async () => {
    await using redis = await FakeRedis.start();
    await using sentinel = await FakeSentinel.start();
    await using tunnel = await startDropIn([sentinel.seed], ['db1']);
    sentinel.masters.set('db1', { host: '127.0.0.1', port: tunnel.port('db1') });
    await using client = await tunnel.connect('db1');
    const reply = client.command('PING');
    await tunnel.waitFor(({ reason }) => String(reason).includes('that is this tunnel itself'));
    sentinel.masters.set('db1', at(redis, 1));
    assert.equal(await reply, 'PONG');
  });
});

test('a Sentinel that names 0.0.0.0 is not followed, and another one is', async () => {
  await withoutLeaks(async () => {
    await using redis = await FakeRedis.start();
    await using mistaken = await FakeSentinel.start({
      masters: { db1: { host: '0.0.0.0', port: redis.port } },
    });
    await using sound = await FakeSentinel.start({ masters: { db1: at(redis) } });
    await using tunnel = await startDropIn([mistaken.seed, sound.seed], ['db1']);
    assert.equal(await ask(tunnel, 'db1', 'PING'), 'PONG');
    await tunnel.waitFor(
      ({ event, reason }) => event === 'sentinel.down' && String(reason).includes('0.0.0.0'),
    );
  });
});

test('asking for a name that no Sentinel knows costs no connection per client', async () => {
  await withoutLeaks(async () => {
    await using redis = await FakeRedis.start();
    await using sentinel = await FakeSentinel.start({ masters: { db1: at(redis) } });
    await using tunnel = await startDropIn([sentinel.seed], ['db1', 'nosuch']);
    assert.equal(await ask(tunnel, 'db1', 'PING'), 'PONG');
    await eventually(() => sentinel.server.connections.length === 2);
    const before = sentinel.accepted;
    const waiting = await Promise.all(Array.from({ length: 30 }, () => tunnel.connect('nosuch')));
    for (const client of waiting) client.write('*1\r\n$4\r\nPING\r\n');
    assert.equal(await ask(tunnel, 'db1', 'PING'), 'PONG');
    for (const client of waiting) await client.close();
    assert.equal(sentinel.accepted, before);
  });
});

function at(redis: FakeRedis, epoch = 0): FakeMaster {
  return { host: redis.host, port: redis.port, epoch };
}

async function ask(
  tunnel: TunnelProcess,
  database: string,
  command: string,
  ...args: readonly string[]
): Promise<unknown> {
  await using client = await tunnel.connect(database);
  return await client.command(command, ...args);
}
