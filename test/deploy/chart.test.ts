import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { version } from '../../src/version.ts';
import { inFolder } from '../cli/call.ts';
import { chart, defaults, lacksGo, render, valuesSchema, valuesWith } from './chart.ts';
import { typeErrorsOf, type Manifest } from './kubernetes-types.ts';
import {
  assertHardened,
  assertTimeToStop,
  configOf,
  kindsOf,
  ofKind,
  type Container,
  type Workload,
} from './manifests.ts';

const parent = fileURLToPath(new URL('../../../test/deploy/parent', import.meta.url));
const needed = {
  sentinels: ['redis-sentinel:26379'],
  databases: [
    { name: 'mymaster', port: 6379 },
    { name: 'db1@internal', port: 6380, holdMs: 5000 },
  ],
};
/** All that may be switched on. */
const everything = {
  ...needed,
  sentinelAuth: { username: 'watcher', secret: 'sentinel-password' },
  redisAuth: { username: 'prober', secret: 'redis-password', key: 'pass' },
  admin: { tokenSecret: 'admin-token' },
  config: { drainMs: 15_000, log: { level: 'debug' }, sentinel: { pollMs: 2000 } },
  networkPolicy: { adminFrom: [{ namespaceSelector: { matchLabels: { name: 'monitoring' } } }] },
  service: { annotations: { owner: 'shop' } },
  image: { digest: `sha256:${'0'.repeat(64)}` },
  imagePullSecrets: [{ name: 'registry' }],
  podAnnotations: { a: 'b' },
  podLabels: { team: 'shop' },
  nodeSelector: { disk: 'ssd' },
  tolerations: [{ operator: 'Exists' }],
  affinity: { nodeAffinity: {} },
  priorityClassName: 'high',
  extraVolumes: [{ name: 'ca', configMap: { name: 'ca' } }],
  extraVolumeMounts: [{ name: 'ca', mountPath: '/etc/ca', readOnly: true }],
};

test('the chart has the version of the package', () => {
  assert.equal(chart.version, version);
  assert.equal(chart.appVersion, version);
});

test('the values keep to their schema, which knows each of them and refuses others', () => {
  const schema = z.fromJSONSchema(valuesSchema);
  for (const values of [defaults, valuesWith(needed), valuesWith(everything)]) {
    assert.deepEqual(schema.safeParse(values).error?.issues ?? [], []);
  }
  const { properties } = valuesSchema as { readonly properties: object };
  assert.deepEqual(
    Object.keys(properties).filter((key) => key !== 'global'),
    Object.keys(defaults),
  );
  for (const wrong of [{ mode: 'pod' }, { replicas: '2' }, { unknown: 1 }, { databases: [{ name: 'a' }] }]) {
    assert.equal(schema.safeParse(valuesWith(wrong)).success, false, JSON.stringify(wrong));
  }
});

test('the chart renders its shapes as the Kubernetes API takes them', { skip: lacksGo }, async () => {
  const wanted = {
    deployment: ['ConfigMap', 'Deployment', 'NetworkPolicy', 'PodDisruptionBudget', 'Service'],
    daemonset: ['ConfigMap', 'DaemonSet', 'NetworkPolicy', 'Service'],
  };
  await inFolder((dir) => {
    const all: Manifest[] = [];
    for (const [mode, kinds] of Object.entries(wanted)) {
      for (const values of [needed, everything]) {
        const { manifests, notes } = render({ ...values, mode });
        all.push(...manifests);
        assert.deepEqual(kindsOf(manifests), kinds);
        assert.match(
          notes,
          /cache-sentinel-tunnel\.shop\.svc:\n {2}mymaster: port 6379\n {2}db1@internal: port 6380/,
        );
        const workload = ofKind<Workload>(manifests, mode === 'daemonset' ? 'DaemonSet' : 'Deployment');
        const pod = workload.spec.template;
        const [container] = pod.spec.containers;
        assert.ok(container);
        assertHardened(pod, container);
        assert.ok(container.readinessProbe);
        const config = configOf(manifests, pod, container, dir);
        assertTimeToStop(pod, container, config);
        assert.deepEqual(
          config.databases.map(({ name, holdMs }) => [name, holdMs]),
          [
            ['mymaster', 10_000],
            ['db1@internal', 5000],
          ],
        );
        assertReachable(manifests, container);
      }
    }
    assert.deepEqual(typeErrorsOf(all), []);
    return Promise.resolve();
  });
});

test('everything that may be switched on is where it belongs', { skip: lacksGo }, async () => {
  await inFolder((dir) => {
    const { manifests } = render(everything);
    const { template } = ofKind<Workload>(manifests, 'Deployment').spec;
    const [container] = template.spec.containers;
    assert.ok(container);
    assert.deepEqual(container.livenessProbe, {
      httpGet: { path: '/livez', port: 'admin' },
      periodSeconds: 10,
      timeoutSeconds: 5,
      failureThreshold: 3,
    });
    const config = configOf(manifests, template, container, dir);
    assert.equal(config.drainMs, 15_000);
    assert.equal(config.log.level, 'debug');
    assert.equal(config.sentinel.pollMs, 2000);
    const text = JSON.stringify(manifests);
    for (const told of [
      'watcher',
      'prober',
      'sentinel-password',
      'redis-password',
      'admin-token',
      'monitoring',
    ]) {
      assert.ok(text.includes(told), told);
    }
    return Promise.resolve();
  });
});

test('a chart of an application gets the sidecar and its volumes', { skip: lacksGo }, async () => {
  await inFolder((dir) => {
    for (const values of [needed, everything]) {
      const sidecar = { ...values, mode: 'sidecar' };
      const own = render(sidecar).manifests;
      assert.deepEqual(kindsOf(own), ['ConfigMap']);
      const { manifests } = render(sidecar, parent);
      assert.deepEqual(typeErrorsOf([...own, ...manifests]), []);
      const pod = ofKind<Workload>(manifests, 'Deployment').spec.template;
      const [container] = pod.spec.initContainers ?? [];
      assert.ok(container);
      assert.equal(container.restartPolicy, 'Always');
      assertHardened(pod, container);
      const config = configOf(own, pod, container, dir);
      assert.match(JSON.stringify(config.databases[0]?.listen), /127\.0\.0\.1/);
    }
    return Promise.resolve();
  });
});

test('values that cannot work are refused with the reason', { skip: lacksGo }, () => {
  assert.throws(
    () => render({ ...needed, sentinels: [] }),
    /sentinels: expected a list of at least one "host:port"/,
  );
  assert.throws(() => render({ ...needed, databases: [] }), /databases: expected a list of at least one/);
  // What would be left out in silence, what cannot be listened on twice, what the policy would not let through.
  assert.throws(
    () => render({ ...needed, config: { sentinels: ['other:1'] } }),
    /config\.sentinels: expected as/,
  );
  const twice = [...needed.databases, { name: 'again', port: 6379 }];
  assert.throws(
    () => render({ ...needed, databases: twice }),
    /the port 6379 of .*again.* is taken by another/,
  );
  assert.throws(() => render({ ...needed, admin: { port: 6380 } }), /the port 6380 of .* or by admin\.port/);
  const elsewhere = { ...needed, sentinels: ['redis-sentinel:5000'] };
  assert.throws(
    () => render(elsewhere),
    /egressPorts: expected the port of the Sentinel redis-sentinel:5000/,
  );
  render({ ...elsewhere, networkPolicy: { egressPorts: [5000, 6379] } });
  render({ ...elsewhere, networkPolicy: { enabled: false } });
  assert.throws(
    () => render({ ...needed, terminationGracePeriodSeconds: 15 }),
    /expected more than preStopSeconds and config.drainMs together, 15000 ms/,
  );
});

test('what shows how to use the sidecar is what is tested', () => {
  const example = readFileSync(
    new URL('../../../deploy/helm/sentinel-tunnel/templates/_sidecar.tpl', import.meta.url),
    'utf8',
  );
  const used = readFileSync(`${parent}/templates/deployment.yaml`, 'utf8');
  const calls = (text: string): string[] =>
    text.match(/include "sentinel-tunnel\.\w+" \(index[^)]*\)/g) ?? [];
  assert.equal(calls(example).length, 2);
  assert.deepEqual(calls(used), calls(example));
});

/** The Service leads to ports that the container has, and the policy lets them through. */
function assertReachable(manifests: readonly Manifest[], { ports = [] }: Container): void {
  const service = ofKind<
    Manifest & {
      readonly spec: { readonly ports: readonly { readonly port: number; readonly targetPort: string }[] };
    }
  >(manifests, 'Service');
  const policy = ofKind<
    Manifest & {
      readonly spec: {
        readonly ingress: readonly { readonly ports: readonly { readonly port: number }[] }[];
      };
    }
  >(manifests, 'NetworkPolicy');
  const open = policy.spec.ingress.flatMap((rule) => rule.ports.map(({ port }) => port));
  for (const { port, targetPort } of service.spec.ports) {
    const target = ports.find(({ name }) => name === targetPort);
    assert.equal(target?.containerPort, port);
    assert.ok(open.includes(port), String(port));
  }
}
