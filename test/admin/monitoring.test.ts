import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { families } from '../../src/admin/metric-families.ts';
import { processFamilies } from '../../src/admin/metrics.ts';
import { cannotRun } from '../support/index.ts';

const folder = fileURLToPath(new URL('../../../deploy/monitoring/', import.meta.url));
const skip = cannotRun('promtool');

function read(name: string): string {
  return readFileSync(`${folder}${name}`, 'utf8');
}

function promtool(...args: readonly string[]): void {
  const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: folder, encoding: 'utf8' });
  assert.equal(status, 0, stdout + stderr);
}

test('the alert rules are valid, and fire and keep still as they should', { skip }, () => {
  promtool('check', 'rules', 'rules.yml');
  promtool('test', 'rules', 'rules.test.yml');
  promtool('check', 'config', 'prometheus.yml');
});

test('every alert is shown to fire', () => {
  const { groups } = parse(read('rules.yml')) as { groups: { rules: { alert: string }[] }[] };
  const { tests } = parse(read('rules.test.yml')) as {
    tests: { alert_rule_test: { alertname: string; exp_alerts: unknown[] }[] }[];
  };
  const fired = tests.flatMap(({ alert_rule_test: cases }) =>
    cases.filter(({ exp_alerts: alerts }) => alerts.length > 0).map(({ alertname }) => alertname),
  );
  assert.deepEqual(
    groups.flatMap(({ rules }) => rules.map(({ alert }) => alert)).toSorted(),
    [...new Set(fired)].toSorted(),
  );
});

test('the rules and the dashboard of Grafana name only metrics and labels that there are', () => {
  const suffixes = ['', '_bucket', '_sum', '_count'];
  const known = new Set<string>([
    ...processFamilies,
    ...families.flatMap(({ name, type }) =>
      type === 'histogram' ? suffixes.map((suffix) => name + suffix) : [name],
    ),
  ]);
  for (const page of ['rules.yml', 'grafana-dashboard.json']) {
    const named = [...read(page).matchAll(/\b(?:sentinel_tunnel|process|nodejs)_\w+/g)].map(([name]) => name);
    assert.ok(named.length > 9, page);
    assert.deepEqual(
      named.filter((name) => !known.has(name)),
      [],
      page,
    );
  }
});

test('every panel of the dashboard of Grafana has its place and its questions', () => {
  const { panels } = JSON.parse(read('grafana-dashboard.json')) as {
    panels: {
      id: number;
      gridPos: { x: number; y: number; w: number; h: number };
      targets: { expr: string }[];
    }[];
  };
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  for (const { gridPos, targets } of panels) {
    assert.ok(gridPos.x + gridPos.w <= 24);
    assert.ok(targets.length > 0 && targets.every(({ expr }) => expr !== ''));
  }
});
