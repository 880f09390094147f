import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { inFolder } from '../cli/call.ts';
import { typeErrorsOf, type Manifest } from './kubernetes-types.ts';
import {
  assertHardened,
  assertTimeToStop,
  configOf,
  kindsOf,
  manifestsIn,
  ofKind,
  type Workload,
} from './manifests.ts';

const shapes = ['deployment', 'daemonset', 'sidecar'].map((shape) => {
  const file = new URL(`../../../deploy/kubernetes/${shape}.yaml`, import.meta.url);
  return { shape, manifests: manifestsIn(readFileSync(file, 'utf8')) };
});

test('the check by type finds an unknown key, a wrong type and a missing key', () => {
  const service = (spec: object): Manifest =>
    ({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'a' }, spec }) as Manifest;
  const errors = typeErrorsOf([
    service({ ports: [{ port: 1 }] }),
    service({ selecter: {} }),
    service({ ports: [{ port: '1' }] }),
    service({ ports: [{ name: 'a' }] }),
  ]);
  assert.equal(errors.length, 3, errors.join('\n'));
  assert.match(
    errors.join('\n'),
    /"selecter"' does not exist[^]*'string' is not assignable[^]*'port' is missing/,
  );
});

test('the manifests are what the Kubernetes API takes', () => {
  assert.deepEqual(typeErrorsOf(shapes.flatMap(({ manifests }) => manifests)), []);
  assert.deepEqual(
    shapes.map(({ manifests }) => kindsOf(manifests)),
    [
      ['ConfigMap', 'Deployment', 'NetworkPolicy', 'PodDisruptionBudget', 'Service'],
      ['ConfigMap', 'DaemonSet', 'NetworkPolicy', 'Service'],
      ['ConfigMap', 'Deployment'],
    ],
  );
});

test('every pod of the manifests is hardened, has its configuration, and time to stop', async () => {
  await inFolder((dir) => {
    for (const { shape, manifests } of shapes) {
      const workload = ofKind<Workload>(manifests, shape === 'daemonset' ? 'DaemonSet' : 'Deployment');
      const pod = workload.spec.template;
      const all = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
      const container = all.find(({ name }) => name === 'sentinel-tunnel');
      assert.ok(container);
      assertHardened(pod, container);
      const config = configOf(manifests, pod, container, dir);
      assertTimeToStop(pod, container, config);
      const listens = JSON.stringify(config.databases[0]?.listen);
      assert.ok(listens.includes(shape === 'sidecar' ? '127.0.0.1' : '0.0.0.0'), listens);
      if (shape !== 'sidecar') assert.ok(container.readinessProbe);
    }
    return Promise.resolve();
  });
});

test('the sidecar runs before the application starts, and until it has ended', () => {
  const { template } = ofKind<Workload>(shapes[2]?.manifests ?? [], 'Deployment').spec;
  assert.deepEqual(
    template.spec.initContainers?.map(({ name, restartPolicy }) => [name, restartPolicy]),
    [['sentinel-tunnel', 'Always']],
  );
});
