import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { devNull } from 'node:os';
import { test } from 'node:test';
import { families } from '../../src/admin/metric-families.ts';
import { Metrics, processFamilies } from '../../src/admin/metrics.ts';
import { openDescriptors } from '../../src/admin/open-descriptors.ts';
import { endReasons } from '../../src/relay/core/engine.ts';
import { Durations } from '../../src/relay/core/durations.ts';
import { FailoverRecorder } from '../../src/tunnel/failover-recorder.ts';
import { ask, cannotRun, serveThrough, startCluster, withoutLeaks } from '../support/index.ts';
import { overviewOf, serving, Stage, tunnelWith } from './stage.ts';

const page = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8');

/** An overview in which every family has a sample. */
function full(): ReturnType<typeof overviewOf> {
  const durations = new Durations();
  durations.dialled(0.2);
  durations.lasted(90_000);
  let nowMs = 0;
  const recorder = new FailoverRecorder('mymaster', () => nowMs);
  recorder.begin('a:1', 'a test');
  nowMs = 1;
  recorder.reached('fencedMs', 'fenced');
  nowMs = 7;
  recorder.setMaster('b:1', 2);
  recorder.reached('servedMs', 'serving b:1');
  recorder.end();
  const ended = { downstream: 3, upstream: 1, evicted: 2, refused: 4, idle: 0, drained: 0 };
  const endpoint = { host: '127.0.0.1', port: 7002 };
  const answer = { kind: 'address', endpoint, epoch: 3, flags: [] } as const;
  return overviewOf(
    [
      tunnelWith(serving, {
        counters: {
          ...{ open: 5, held: 1, admitted: 16, ended, dialFailures: 2, acceptErrors: 0 },
          ...{ upstreamBytes: 1000, downstreamBytes: 2000 },
        },
        durations: durations.view(),
        failovers: recorder.counts(),
      }),
    ],
    {
      sentinels: [
        {
          ...{
            sentinel: '[::1]:26379',
            isSeed: true,
            id: undefined,
            strangeTo: [],
            state: 'up',
            subscription: 'subscribed',
          },
          ...{ answers: 4, failures: 1, errors: 0, latencyMs: 0.5 },
          said: [{ name: 'mymaster', answer, at: '', latencyMs: 0.5 }],
          latency: { bounds: [0.1], counts: [4, 0], sum: 0.002 },
        },
      ],
    },
  );
}

test('docs/metrics.md lists exactly the metrics that there are', () => {
  const rows = [...page.matchAll(/^\| `(\w+)` +\| (\w+) +\| (.*?) +\| (.*?) +\|$/gm)];
  const told = rows.map(([, name, type, labels = '', help]) => ({
    name,
    type,
    labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label),
    help,
  }));
  assert.deepEqual(
    told.slice(0, families.length),
    families.map(({ name, type, labels, help }) => ({
      name,
      type,
      labels,
      help: help.replaceAll('|', '\\|'),
    })),
  );
  assert.deepEqual(
    told.slice(families.length).map(({ name }) => name),
    [...processFamilies],
  );
});

test('a scrape has every family, with the numbers of the overview', async () => {
  const metrics = new Metrics(full);
  const { text, contentType } = await metrics.scrape(undefined);
  assert.equal(contentType, 'text/plain; version=0.0.4; charset=utf-8');
  for (const { name, type } of families) {
    assert.ok(text.includes(`# TYPE ${name} ${type}\n`), name);
    assert.match(text, new RegExp(`^${name}(_bucket)?[ {]`, 'm'), `${name} has a sample`);
  }
  for (const name of processFamilies) assert.match(text, new RegExp(`^${name}[ {]`, 'm'));
  const lines = text.split('\n');
  for (const line of [
    'sentinel_tunnel_sessions_open{database="mymaster"} 5',
    'sentinel_tunnel_sessions_ended_total{database="mymaster",reason="refused"} 4',
    'sentinel_tunnel_relayed_bytes_total{database="mymaster",direction="downstream"} 2000',
    'sentinel_tunnel_view_phase{database="mymaster",phase="serving"} 1',
    'sentinel_tunnel_view_phase{database="mymaster",phase="fenced"} 0',
    'sentinel_tunnel_master_changes_total{database="mymaster"} 1',
    'sentinel_tunnel_sentinel_up{sentinel="[::1]:26379"} 1',
    'sentinel_tunnel_sentinel_disagrees{sentinel="[::1]:26379",database="mymaster"} 1',
    'sentinel_tunnel_dial_duration_seconds_bucket{database="mymaster",le="0.0001"} 0',
    'sentinel_tunnel_dial_duration_seconds_bucket{database="mymaster",le="0.00025"} 1',
    'sentinel_tunnel_dial_duration_seconds_bucket{database="mymaster",le="+Inf"} 1',
    'sentinel_tunnel_session_duration_seconds_count{database="mymaster"} 1',
    'sentinel_tunnel_failover_window_seconds_sum{database="mymaster"} 0.007',
    'sentinel_tunnel_fence_window_seconds_sum{database="mymaster"} 0.006',
  ])
    assert.ok(lines.includes(line), line);
});

test('OpenMetrics is printed for who asks for it, and leaves the other form as it is', async () => {
  const metrics = new Metrics(full);
  const before = await metrics.scrape('text/plain');
  const { text, contentType } = await metrics.scrape(
    'application/openmetrics-text; version=1.0.0, text/plain;q=0.5',
  );
  assert.equal(contentType, 'application/openmetrics-text; version=1.0.0; charset=utf-8');
  assert.ok(text.endsWith('# EOF\n'));
  assert.match(text, /^# TYPE sentinel_tunnel_dial_failures counter$/m);
  assert.match(text, /^sentinel_tunnel_dial_failures_total\{database="mymaster"\} 2$/m);
  assert.match(text, /^process_cpu_seconds_total \d/m);
  const after = await metrics.scrape('text/plain');
  const own = (scraped: string): string[] =>
    scraped.split('\n').filter((line) => line.startsWith('sentinel_'));
  assert.deepEqual(own(after.text), own(before.text));
});

test('what is not known has no sample', async () => {
  const metrics = new Metrics(() =>
    overviewOf([tunnelWith({ kind: 'unknown', reason: 'x', isMissing: false }, { listeners: [] })]),
  );
  const { text } = await metrics.scrape(undefined);
  assert.doesNotMatch(text, /^sentinel_tunnel_sessions_open\{/m);
  assert.match(text, /^sentinel_tunnel_listeners_open\{database="mymaster"\} 0$/m);
});

test('names of databases and Sentinels cannot break out of their labels', async () => {
  const metrics = new Metrics(() => overviewOf([tunnelWith(serving, { name: 'a"} 1\\' })]));
  const { text } = await metrics.scrape(undefined);
  assert.match(text, /^sentinel_tunnel_listeners_open\{database="a\\"\} 1\\\\"\} 1$/m);
});

test('every reason for which a session ends is a label', () => {
  const family = families.find(({ name }) => name === 'sentinel_tunnel_sessions_ended_total');
  assert.deepEqual(
    family?.read(full()).map(({ labels }) => labels['reason']),
    [...endReasons],
  );
});

test(
  'promtool has nothing to say against a scrape of a real tunnel',
  { skip: cannotRun('promtool') },
  async () => {
    await withoutLeaks(async () => {
      await using cluster = await startCluster({ replicas: 1 });
      await using tunnel = await serveThrough(cluster, { config: { admin: { listen: 0 } } });
      await using client = await tunnel.connect(cluster.name);
      await client.command('SET', 'key', 'value');
      await cluster.failoverAndSettle();
      await tunnel.waitFor(({ event }) => event === 'failover.story');
      const { text, status } = await ask(tunnel.adminPort, '/metrics');
      assert.equal(status, 200);
      const {
        stdout,
        stderr,
        status: exit,
      } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
      assert.equal(exit, 0, stdout + stderr);
      assert.match(text, /^sentinel_tunnel_master_changes_total\{database="mymaster"\} 1$/m);
      assert.match(text, /^sentinel_tunnel_sessions_ended_total\{database="mymaster",reason="evicted"\} 1$/m);
      assert.match(text, /^sentinel_tunnel_dial_duration_seconds_count\{database="mymaster"\} [1-9]/m);
      assert.match(text, /^sentinel_tunnel_session_duration_seconds_count\{database="mymaster"\} 1$/m);
    });
  },
);

test('a scrape over HTTP says what it is', async () => {
  await withoutLeaks(async () => {
    await using stage = await Stage.open();
    const { headers, text } = await ask(stage.where, '/metrics');
    assert.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
    assert.match(text, /^sentinel_tunnel_build_info\{version="1\.2\.3"\} 1$/m);
  });
});

test('open descriptors are counted as the kernel does', () => {
  const before = openDescriptors();
  if (before === undefined) return; // no /proc here
  const fds = Array.from({ length: 5 }, () => openSync(devNull, 'r'));
  const after = openDescriptors();
  for (const fd of fds) closeSync(fd);
  assert.equal(after, before + 5);
});
