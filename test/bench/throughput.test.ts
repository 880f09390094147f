import assert from 'node:assert/strict';
import { test } from 'node:test';
import { callsOf, steady, together, type Sample } from '../../bench/throughput/sample.ts';
import { parseCsv } from '../../bench/throughput/generator.ts';
import { sessionsThatFit } from '../../bench/throughput/memory.ts';

const start: Sample = {
  atMs: 1000,
  relayNs: 5e9,
  redisNs: 1e9,
  generatorNs: 2e9,
  redisAtUs: 7e12,
  calls: 10_000,
};

test('steady() takes what ran between two samples, each by the time between its own readings', () => {
  const between = steady(start, {
    atMs: 1500,
    relayNs: 5.25e9, // 0.25 s in 0.5 s: half a core
    redisNs: 1.1e9,
    generatorNs: 2.2e9,
    redisAtUs: 7e12 + 400_000, // 20,000 commands in 0.4 s: 50,000 a second
    calls: 30_000,
  });
  assert.deepEqual(between, {
    seconds: 0.4,
    commands: 20_000,
    perSecond: 50_000,
    cpuUsPerCommand: 10,
    coresUsed: { relay: 0.5, redis: 0.2, generator: 0.4 },
  });
});

test('steady() names no cost where there is no relay, and refuses samples between which nothing was done', () => {
  const later = { ...start, atMs: 2000, redisAtUs: start.redisAtUs + 1e6, calls: start.calls + 10 };
  assert.ok(!('cpuUsPerCommand' in steady(start, later)));
  assert.throws(() => steady(start, { ...later, calls: start.calls }), /Cannot say what a command costs/);
});

test('together() gives each kind of command the same weight, however many there were', () => {
  const coresUsed = { relay: 0.5, redis: 0.2, generator: 0.3 };
  const both = together([
    { seconds: 1, commands: 1000, perSecond: 1000, cpuUsPerCommand: 500, coresUsed },
    { seconds: 1, commands: 4000, perSecond: 4000, cpuUsPerCommand: 100, coresUsed },
  ]);
  assert.equal(both.cpuUsPerCommand, 300);
  assert.ok(Math.abs(both.perSecond - 1600) < 1e-6); // one of each takes 1 ms and 0.25 ms
  assert.equal(both.commands, 5000);
});

test('callsOf() counts one command and not another whose name begins like it', () => {
  const stats =
    '# Commandstats\r\ncmdstat_getex:calls=3,usec=1\r\ncmdstat_get:calls=42,usec=9,usec_per_call=0.2\r\n';
  assert.equal(callsOf('get', stats), 42);
  assert.equal(callsOf('set', stats), 0);
});

test('parseCsv() reads the rate and the latencies of redis-benchmark, and refuses what it cannot read', () => {
  const head =
    '"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"';
  const said = parseCsv(`${head}\n"GET","40000.00","1.1","0.2","0.75","1.9","2.5","8.0"\n`);
  assert.deepEqual(said, { perSecond: 40_000, p50Us: 750, p99Us: 2500 });
  assert.throws(() => parseCsv(`${head}\n`), /Cannot read redis-benchmark/);
});

test('a relay that needs two descriptors for a session is measured with all the sessions wanted', () => {
  assert.equal(sessionsThatFit('haproxy'), Infinity);
  assert.ok(sessionsThatFit('original') > 0);
});
