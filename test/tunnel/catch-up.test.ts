import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Promotable } from '../../src/sentinel/members/promotable.ts';
import { awaitCatchUp, type CatchUp } from '../../src/tunnel/catch-up.ts';
import { ReplicationLine } from '../../src/tunnel/replication-line.ts';
import { FakeRedis, withoutLeaks } from '../support/index.ts';

const announced = { host: '10.0.0.2', port: 6379 };

interface Scene {
  /** The lines of INFO replication that the master gives, by how often it has been asked. */
  readonly master: (asked: number) => readonly string[];
  /** The same of the replica; without it it cannot be reached. */
  readonly replica?: (asked: number) => readonly string[];
  readonly promotable?: (asked: number) => readonly Promotable[] | undefined;
  readonly isCurrent?: () => boolean;
  readonly withinMs?: number;
}

function master(offset: number, ...more: readonly string[]): readonly string[] {
  return ['role:master', 'master_replid:a', `master_repl_offset:${offset}`, ...more];
}

function counted(offset: number): string {
  return `slave0:ip=10.0.0.2,port=6379,state=online,offset=${offset},lag=0`;
}

function replica(offset: number, id = 'a'): readonly string[] {
  return ['role:slave', `slave_repl_offset:${offset}`, `master_replid:${id}`];
}

async function server(lines: (asked: number) => readonly string[]): Promise<FakeRedis> {
  let asked = 0;
  return await FakeRedis.start({
    answer: ([name]) => {
      const text = `${lines(name === 'INFO' ? asked++ : asked).join('\r\n')}\r\n`;
      return name === 'INFO' ? { raw: `$${text.length}\r\n${text}\r\n` } : undefined;
    },
  });
}

async function catchUp(scene: Scene): Promise<CatchUp> {
  let caught: CatchUp | undefined;
  await withoutLeaks(async () => {
    await using one = await server(scene.master);
    await using other = await server(scene.replica ?? (() => []));
    const line = new ReplicationLine(one, {});
    let listed = 0;
    try {
      caught = await awaitCatchUp(
        {
          name: 'mymaster',
          access: {},
          master: line,
          promotable: () =>
            Promise.resolve(
              scene.promotable
                ? scene.promotable(listed++)
                : [
                    {
                      announced,
                      endpoint: scene.replica && { host: other.host, port: other.port },
                      isConnected: true,
                    },
                  ],
            ),
          isCurrent: scene.isCurrent ?? (() => true),
        },
        scene.withinMs ?? 5_000,
      );
    } finally {
      line.close();
    }
  });
  assert.ok(caught);
  return caught;
}

test('what counts is the offset of the master at the beginning, however far it goes on', async () => {
  const caught = await catchUp({
    master: (asked) => master(100 + asked * 50),
    replica: (asked) => replica(80 + asked * 5),
  });
  assert.deepEqual([caught.replicas, caught.offset], [1, 100]);
});

test('of a replica that cannot be asked the master says how far it is', async () => {
  const caught = await catchUp({ master: (asked) => master(100, counted(90 + asked)) });
  assert.deepEqual([caught.replicas, caught.offset], [1, 100]);
  await assert.rejects(catchUp({ master: () => master(100, counted(90)), withinMs: 50 }), {
    code: 'ST_FAILOVER_FAILED',
    message:
      /replica 10\.0\.0\.2:6379 lacks the last 10 bytes of the master \(it cannot be reached from here\), after \d+ ms$/,
  });
});

test('where no Sentinel lists replicas, every one that the master counts has to catch up', async () => {
  const promotable = (): undefined => undefined;
  assert.equal((await catchUp({ promotable, master: () => master(100, counted(100)) })).replicas, 1);
  const refused = { code: 'ST_FAILOVER_FAILED', message: /lacks the last 1 bytes/ };
  await assert.rejects(
    catchUp({ promotable, master: () => master(100, counted(99)), withinMs: 50 }),
    refused,
  );
  await assert.rejects(catchUp({ promotable, master: () => master(100) }), {
    message: /no Sentinel lists its replicas, and the master has none connected$/,
  });
});

test('the offset of another history says nothing', async () => {
  const other = { master: () => master(100), replica: () => replica(5_000, 'b'), withinMs: 50 };
  await assert.rejects(catchUp(other), {
    message: /replica 10\.0\.0\.2:6379 is not known to follow the master, after/,
  });
});

test('a replica that becomes fit meanwhile has to catch up too', async () => {
  const late: Promotable = {
    announced: { host: '10.0.0.3', port: 6379 },
    endpoint: undefined,
    isConnected: true,
  };
  const refused = catchUp({
    master: () => master(100, counted(100)),
    promotable: (asked) => [
      { announced, endpoint: undefined, isConnected: true },
      ...(asked === 0 ? [] : [late]),
    ],
    withinMs: 50,
  });
  await assert.rejects(refused, { message: /replica 10\.0\.0\.3:6379 is not known to follow the master/ });
});

test('a replica to which no Sentinel has a connection is not waited for', async () => {
  const caught = await catchUp({
    master: () => master(100),
    promotable: () => [{ announced, endpoint: undefined, isConnected: false }],
  });
  assert.equal(caught.replicas, 0);
});

test('nothing is waited for where nothing may be promoted: Sentinel refuses that itself', async () => {
  assert.equal((await catchUp({ master: () => master(100), promotable: () => [] })).replicas, 0);
});

test('a master that has changed, or does not tell its offset, is not failed over', async () => {
  const changed = { message: /the master has changed meanwhile$/ };
  const replicaNow = (asked: number): readonly string[] => (asked === 0 ? master(100) : replica(100));
  await assert.rejects(catchUp({ master: replicaNow }), changed);
  await assert.rejects(catchUp({ master: () => master(100), isCurrent: () => false }), changed);
  await assert.rejects(catchUp({ master: () => ['role:master'] }), {
    message: /has no role:master with an offset$/,
  });
});

test('more replicas than are asked are not failed over to', async () => {
  const many = Array.from({ length: 65 }, (_, at) => ({
    announced: { host: 'a', port: at + 1 },
    endpoint: undefined,
    isConnected: true,
  }));
  await assert.rejects(catchUp({ master: () => master(100), promotable: () => many }), {
    message: /65 replicas may be promoted, more than 64 are not asked$/,
  });
});
