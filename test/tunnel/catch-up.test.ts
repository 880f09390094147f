import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Promotable } from '../../src/sentinel/members/promotable.ts';
import { awaitCatchUp, type ReplicaCatchUp } from '../../src/tunnel/catch-up.ts';
import { ReplicationConnection } from '../../src/tunnel/replication.ts';
import { FakeRedis, withoutLeaks } from '../support/index.ts';

const announced = { host: '10.0.0.2', port: 6379 };

interface Scene {
  /** The reply of the master to INFO replication, by the number of the query. */
  readonly master: (asked: number) => readonly string[];
  /** The same for the replica; without it the replica cannot be reached. */
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

async function catchUp(scene: Scene): Promise<ReplicaCatchUp> {
  let caught: ReplicaCatchUp | undefined;
  await withoutLeaks(async () => {
    await using one = await server(scene.master);
    await using other = await server(scene.replica ?? (() => []));
    const line = new ReplicationConnection(one, {});
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

test('replicas have to reach the offset of the master at the start, not its present one', async () => {
  const caught = await catchUp({
    master: (asked) => master(100 + asked * 50),
    replica: (asked) => replica(80 + asked * 5),
  });
  assert.deepEqual([caught.replicas, caught.offset], [1, 100]);
});

test('the offset of a replica that cannot be queried comes from the master', async () => {
  const caught = await catchUp({ master: (asked) => master(100, counted(90 + asked)) });
  assert.deepEqual([caught.replicas, caught.offset], [1, 100]);
  await assert.rejects(catchUp({ master: () => master(100, counted(90)), withinMs: 50 }), {
    code: 'ST_FAILOVER_FAILED',
    message:
      /replica 10\.0\.0\.2:6379 lacks the last 10 bytes of the master \(it cannot be reached from here\), after \d+ ms$/,
  });
});

test('without a list from a Sentinel, every replica of the master has to catch up', async () => {
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

test('an offset of another replication history does not count', async () => {
  const other = { master: () => master(100), replica: () => replica(5_000, 'b'), withinMs: 50 };
  await assert.rejects(catchUp(other), {
    message: /replica 10\.0\.0\.2:6379 may not follow the master, after/,
  });
});

test('a replica that becomes a candidate meanwhile has to catch up too', async () => {
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
  await assert.rejects(refused, { message: /replica 10\.0\.0\.3:6379 may not follow the master/ });
});

test('a replica without a connection to a Sentinel is not waited for', async () => {
  const caught = await catchUp({
    master: () => master(100),
    promotable: () => [{ announced, endpoint: undefined, isConnected: false }],
  });
  assert.equal(caught.replicas, 0);
});

test('without a candidate there is no wait: Sentinel refuses such a failover itself', async () => {
  assert.equal((await catchUp({ master: () => master(100), promotable: () => [] })).replicas, 0);
});

test('a master that changed, or reports no offset, is not failed over', async () => {
  const changed = { message: /the master has changed meanwhile$/ };
  const replicaNow = (asked: number): readonly string[] => (asked === 0 ? master(100) : replica(100));
  await assert.rejects(catchUp({ master: replicaNow }), changed);
  await assert.rejects(catchUp({ master: () => master(100), isCurrent: () => false }), changed);
  await assert.rejects(catchUp({ master: () => ['role:master'] }), {
    message: /has no role:master with an offset$/,
  });
});

test('a failover with too many candidates is refused', async () => {
  const many = Array.from({ length: 65 }, (_, at) => ({
    announced: { host: 'a', port: at + 1 },
    endpoint: undefined,
    isConnected: true,
  }));
  await assert.rejects(catchUp({ master: () => master(100), promotable: () => many }), {
    message: /65 replicas may be promoted, at most 64 can be queried$/,
  });
});
