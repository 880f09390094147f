import assert from 'node:assert/strict';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Status } from '../../src/admin/status.ts';
import { ask, eventually, EventStream, freePort, withoutLeaks } from '../support/index.ts';
import type { FailoverRecord } from '../../src/tunnel/failover-record.ts';
import { overviewOf, serving, Stage, tunnelWith } from './stage.ts';

test('the probes say what is missing', async () => {
  await withoutLeaks(async () => {
    await using stage = await Stage.open();
    const { where, daemon } = stage;
    const probe = async (path: string): Promise<readonly [number, unknown]> => {
      const answer = await ask(where, path);
      return [answer.status, answer.json()];
    };
    const unknown = {
      kind: 'unknown',
      reason: 'asking the Sentinels for "mymaster"',
      isMissing: false,
    } as const;
    daemon.shown = overviewOf([tunnelWith(unknown)]);
    assert.deepEqual(await probe('/startupz'), [503, { started: false, waiting: ['mymaster'] }]);
    const reason = 'unknown: asking the Sentinels for "mymaster"';
    assert.deepEqual(await probe('/readyz'), [
      503,
      {
        ready: false,
        reasons: [`mymaster: ${reason}`],
        databases: [{ name: 'mymaster', ready: false, reason }],
      },
    ]);
    daemon.shown = overviewOf([tunnelWith(serving)]);
    const ready = { ready: true, reasons: [], databases: [{ name: 'mymaster', ready: true, reason: null }] };
    assert.deepEqual(await probe('/readyz'), [200, ready]);
    assert.deepEqual(await probe('/startupz'), [200, { started: true, waiting: [] }]);
    daemon.shown = overviewOf([tunnelWith(unknown)]);
    assert.deepEqual(await probe('/startupz'), [200, { started: true, waiting: [] }], 'once is for ever');
    const address = { kind: 'tcp', host: '127.0.0.1', port: 6380 } as const;
    const [open] = tunnelWith(serving).listeners;
    assert.ok(open);
    const taken = { address, isOpen: false, trouble: 'EADDRINUSE' };
    daemon.shown = overviewOf([tunnelWith(serving, { listeners: [open, taken] })]);
    assert.equal(
      (await ask(where, '/readyz')).text.includes('not listening on 127.0.0.1:6380: EADDRINUSE'),
      true,
    );
    daemon.shown = overviewOf([tunnelWith(serving, {}, { dissenting: ['127.0.0.1:26379'] })], {
      isDraining: true,
    });
    assert.deepEqual((await probe('/readyz'))[1], { ...ready, ready: false, reasons: ['shutting down'] });
    assert.deepEqual(await probe('/livez'), [200, { live: true, silent: [] }]);
    daemon.silent = ['relay thread 1'];
    assert.deepEqual(await probe('/livez'), [503, { live: false, silent: ['relay thread 1'] }]);
  });
});

test('the status shows what the code runs on', async () => {
  await withoutLeaks(async () => {
    await using stage = await Stage.open();
    const endpoint = { host: '127.0.0.1', port: 7002 };
    const answer = { kind: 'address', endpoint, epoch: 3, flags: ['master'] } as const;
    const latency = { bounds: [], counts: [0], sum: 0 };
    stage.daemon.shown = overviewOf([tunnelWith(serving, {}, { dissenting: ['127.0.0.1:26379'] })], {
      sentinels: [
        {
          sentinel: '127.0.0.1:26379',
          isSeed: true,
          id: undefined,
          strangeTo: [],
          state: 'up',
          subscription: 'subscribed',
          answers: 4,
          failures: 1,
          errors: 0,
          latencyMs: 0.12345,
          latency,
          said: [{ name: 'mymaster', answer, at: '2026-01-31T12:00:00.000Z', latencyMs: 0.12345 }],
        },
      ],
    });
    const status = (await ask(stage.where, '/status')).json() as Status;
    assert.equal(status.version, 1);
    assert.equal(status.databases[0]?.master, '127.0.0.1:7001');
    assert.deepEqual(status.databases[0].view, stage.daemon.shown.tunnels[0]?.view);
    const [said] = status.sentinels[0]?.said ?? [];
    assert.equal(said?.address, '127.0.0.1:7002');
    assert.equal(said.agrees, false, 'it names another server than the one that is served');
    assert.equal(said.latencyMs, 0.12);
  });
});

test('failovers are listed by database and number', async () => {
  await withoutLeaks(async () => {
    await using stage = await Stage.open();
    const { where, daemon } = stage;
    const story = (database: string, at: string): FailoverRecord => ({
      ...{
        database,
        at,
        trigger: 'a test',
        from: 'a:1',
        to: 'b:1',
        generation: 2,
        cut: 1,
        held: 0,
        lines: [],
      },
    });
    daemon.shown = overviewOf([tunnelWith(serving), tunnelWith(serving, { name: 'other' })]);
    daemon.failovers = [
      story('mymaster', '2026-01-01'),
      story('mymaster', '2026-01-03'),
      story('other', '2026-01-02'),
    ];
    const list = async (query: string): Promise<string[]> => {
      const { failovers } = (await ask(where, `/failovers${query}`)).json() as {
        failovers: FailoverRecord[];
      };
      return failovers.map(({ at }) => at.slice(-1));
    };
    assert.deepEqual(await list(''), ['1', '2', '3']);
    assert.deepEqual(await list('?last=1'), ['3']);
    assert.deepEqual(await list('?last=0'), []);
    assert.deepEqual(await list('?database=mymaster&last=5'), ['1', '3']);
    assert.equal((await ask(where, '/failovers?database=nobody')).status, 404);
    assert.equal((await ask(where, '/failovers?last=many')).status, 400);
  });
});

test('events are followed from where one left off', async () => {
  await withoutLeaks(async () => {
    await using stage = await Stage.open();
    const { where, daemon } = stage;
    daemon.log.info('sentinel.up', { sentinel: 'a:1' });
    daemon.log.debug('sentinel.announced', { sentinel: 'a:1', channel: '+tilt', payload: 'x' });
    await using first = await EventStream.open(where, '/events');
    assert.equal(first.headers['content-type'], 'text/event-stream; charset=utf-8');
    await eventually(() => first.data('hello').length === 1);
    daemon.log.warn('sentinel.down', { sentinel: 'a:1', reason: 'a\nb' });
    daemon.log.debug('sentinel.announced', { sentinel: 'a:1', channel: '+tilt', payload: 'x' });
    await eventually(() => first.data().length === 1);
    const [told] = first.data();
    assert.deepEqual(told?.['fields'], { sentinel: 'a:1', reason: 'a\nb' });
    assert.equal(told['sentence'], 'Sentinel a:1 is down: a\\x0ab');

    daemon.log.info('sentinel.up', { sentinel: 'a:1' });
    await using second = await EventStream.open(where, '/events', { 'last-event-id': String(told['id']) });
    await eventually(() => second.data().length === 1);
    assert.equal(second.data()[0]?.['event'], 'sentinel.up');

    for (const [query, count] of [
      ['?since=0', 4],
      ['?since=another.9', 4],
      ['?last=2', 2],
      ['?level=warn&since=0', 1],
    ] as const) {
      await using stream = await EventStream.open(where, `/events${query}`);
      await eventually(() => stream.data().length === count);
    }
    const json = await ask(where, '/events?last=1', { headers: { accept: 'application/json' } });
    assert.equal((json.json() as { events: unknown[] }).events.length, 1);

    await using debug = await EventStream.open(where, '/events?level=debug');
    await eventually(() => debug.data('hello').length === 1);
    daemon.log.debug('sentinel.announced', { sentinel: 'a:1', channel: '+tilt', payload: 'x' });
    await eventually(() => debug.data().length === 1);
    assert.equal((await ask(where, '/events?level=loud')).status, 400);
    assert.equal((await ask(where, '/events?last=x')).status, 400);
  });
});

test('a follower that reads too slowly is cut off, and the others are not', async () => {
  await withoutLeaks(async () => {
    await using stage = await Stage.open();
    const { where, daemon } = stage;
    await using slow = await EventStream.open(where, '/events');
    await using quick = await EventStream.open(where, '/events');
    slow.pause();
    const reason = 'x'.repeat(100_000);
    await eventually(
      () => {
        daemon.log.info('sentinel.down', { sentinel: 'a:1', reason });
        return daemon.logged.some(({ event }) => event === 'admin.follower-dropped');
      },
      { everyMs: 1 },
    );
    slow.resume();
    await eventually(() => slow.isOver);
    daemon.log.info('sentinel.up', { sentinel: 'a:2' });
    await eventually(() => quick.data().some(({ event }) => event === 'sentinel.up'));
  });
});

test('no more follow than are meant to', async () => {
  await withoutLeaks(async () => {
    await using stage = await Stage.open();
    const followers: EventStream[] = [];
    try {
      for (let count = 0; count < 16; count += 1)
        followers.push(await EventStream.open(stage.where, '/events'));
      assert.equal((await ask(stage.where, '/events')).status, 503);
      await followers.pop()?.[Symbol.asyncDispose]();
      await eventually(async () => {
        const next = await EventStream.open(stage.where, '/events');
        followers.push(next);
        return next.status === 200;
      });
    } finally {
      for (const each of followers) await each[Symbol.asyncDispose]();
    }
  });
});

test('an address that is taken is warned of once and tried until it is free', async () => {
  await withoutLeaks(async () => {
    const port = await freePort();
    const first = await Stage.open({ listen: { kind: 'tcp', host: '127.0.0.1', port } });
    await using second = new Stage({ listen: { kind: 'tcp', host: '127.0.0.1', port } });
    await eventually(() => second.daemon.logged.length > 0);
    assert.equal(second.daemon.logged[0]?.event, 'admin.failed');
    assert.match(String(second.daemon.logged[0].fields['reason']), /EADDRINUSE/);
    await first[Symbol.asyncDispose]();
    await eventually(() => second.server.listening);
    assert.equal((await ask(port, '/livez')).status, 200);
    assert.deepEqual(
      second.daemon.logged.map(({ event }) => event),
      ['admin.failed', 'admin.opened'],
    );
  });
});

test('it closes while it waits for its address', async () => {
  await withoutLeaks(async () => {
    await using first = await Stage.open();
    const second = new Stage({ listen: { kind: 'tcp', host: '127.0.0.1', port: Number(first.where) } });
    await eventually(() => second.daemon.logged.length > 0);
    await second[Symbol.asyncDispose]();
  });
});

test('a unix socket is for its owner and group, and goes with the listener', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'st-admin-'));
  try {
    await withoutLeaks(async () => {
      const path = join(dir, 'admin.sock');
      const stage = await Stage.open({ listen: { kind: 'unix', path } });
      assert.equal((await stat(path)).mode & 0o777, 0o660);
      assert.equal((await ask(path, '/status', { headers: { host: 'whatever' } })).status, 200);
      await stage[Symbol.asyncDispose]();
      await assert.rejects(stat(path), { code: 'ENOENT' });
    });
  } finally {
    await rm(dir, { recursive: true });
  }
});

test('a defect of ours is logged and shown to nobody', async () => {
  await withoutLeaks(async () => {
    await using stage = await Stage.open();
    stage.daemon.overview = () => {
      throw new Error('the inside of it');
    };
    const { status, text } = await ask(stage.where, '/status');
    assert.equal(status, 500);
    assert.ok(!text.includes('inside'));
    assert.equal(stage.daemon.logged.at(-1)?.event, 'admin.defect');
  });
});
