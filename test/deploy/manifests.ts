import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments, parse } from 'yaml';
import type { Config } from '../../src/config/types.ts';
import { parseConfig } from '../../src/config/parse.ts';
import type { Manifest } from './kubernetes-types.ts';

/** The documents of a file of manifests. */
export function manifestsIn(text: string): readonly Manifest[] {
  return parseAllDocuments(text).flatMap((document) => {
    assert.deepEqual(document.errors, []);
    const read = document.toJS() as Manifest | null;
    return read === null ? [] : [read];
  });
}

/** The one manifest of a kind, with the keys of `T`: its types have been checked before. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- says at the call what is looked at
export function ofKind<T extends Manifest>(manifests: readonly Manifest[], kind: string): T {
  const found = manifests.filter((manifest) => manifest.kind === kind);
  assert.equal(found.length, 1, kind);
  return found[0] as T;
}

export function kindsOf(manifests: readonly Manifest[]): readonly string[] {
  return manifests.map(({ kind }) => kind).toSorted();
}

/** The parts of a pod that are looked at here. Its types have been checked before. */
export interface Pod {
  readonly spec: {
    readonly automountServiceAccountToken?: boolean;
    readonly terminationGracePeriodSeconds?: number;
    readonly securityContext?: { readonly fsGroup?: number };
    readonly initContainers?: readonly Container[];
    readonly containers: readonly Container[];
    readonly volumes: readonly Volume[];
  };
}

export interface Container {
  readonly name: string;
  readonly restartPolicy?: string;
  readonly env?: readonly { readonly name: string; readonly value: string }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly startupProbe?: unknown;
  readonly livenessProbe?: unknown;
  readonly readinessProbe?: unknown;
  readonly lifecycle?: { readonly preStop: { readonly exec: { readonly command: readonly string[] } } };
  readonly resources?: { readonly requests?: object; readonly limits?: object };
  readonly securityContext?: object;
  readonly volumeMounts: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly readOnly: boolean;
  }[];
}

interface Projected {
  readonly items?: readonly { readonly path: string }[];
}

interface Volume {
  readonly name: string;
  readonly configMap?: { readonly name: string };
  readonly secret?: Projected & { readonly defaultMode: number };
  readonly projected?: {
    readonly defaultMode: number;
    readonly sources: readonly { readonly secret: Projected }[];
  };
}

export type Workload = Manifest & { readonly spec: { readonly template: Pod } };

/** What every pod of ours keeps to. */
export function assertHardened({ spec }: Pod, container: Container): void {
  assert.equal(spec.automountServiceAccountToken, false);
  assert.deepEqual(container.securityContext, {
    runAsNonRoot: true,
    runAsUser: 65532,
    runAsGroup: 65532,
    readOnlyRootFilesystem: true,
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    seccompProfile: { type: 'RuntimeDefault' },
  });
  assert.ok(container.resources?.requests && container.resources.limits);
  assert.ok(container.startupProbe && container.livenessProbe);
  const names = spec.volumes.map(({ name }) => name);
  for (const { name, readOnly } of container.volumeMounts) {
    assert.ok(names.includes(name), name);
    assert.equal(readOnly, true, name);
  }
  for (const { secret, projected } of spec.volumes) {
    const mode = (secret ?? projected)?.defaultMode;
    if (mode === undefined) continue;
    assert.equal(mode, 0o440);
    assert.equal(spec.securityContext?.fsGroup, 65532, 'the group that may read it');
  }
}

/** The configuration that a pod gets, read from where the container is told to look for it; secrets lie in `dir`. */
export function configOf(
  manifests: readonly Manifest[],
  { spec }: Pod,
  container: Container,
  dir: string,
): Config {
  const map = ofKind<Manifest & { readonly data: Readonly<Record<string, string>> }>(manifests, 'ConfigMap');
  const file = container.env?.find(({ name }) => name === 'SENTINEL_TUNNEL_CONFIG')?.value ?? '';
  const mount = container.volumeMounts.find(({ mountPath }) => file.startsWith(`${mountPath}/`));
  assert.ok(mount, file);
  const volume = spec.volumes.find(({ name }) => name === mount.name);
  assert.equal(volume?.configMap?.name, map.metadata.name);
  const text = map.data[file.slice(mount.mountPath.length + 1)];
  assert.ok(text, file);
  for (const [path] of text.matchAll(/\/run\/secrets\/[\w/-]+/g)) {
    assert.ok(secretFiles(spec, container).includes(path), `${path} is not mounted`);
  }
  const secret = join(dir, 'secret');
  writeFileSync(secret, 'a-secret-of-some-length', { mode: 0o400 });
  return parseConfig(parse(text.replaceAll(/\/run\/secrets\/[\w/-]+/g, secret)), file);
}

function secretFiles(spec: Pod['spec'], { volumeMounts }: Container): readonly string[] {
  return volumeMounts.flatMap(({ name, mountPath }) => {
    const volume = spec.volumes.find((each) => each.name === name);
    const held = [volume?.secret, ...(volume?.projected?.sources.map(({ secret }) => secret) ?? [])];
    return held.flatMap((secret) => secret?.items?.map(({ path }) => `${mountPath}/${path}`) ?? []);
  });
}

/** It has to be longer than what is needed to stop in order. */
export function assertTimeToStop({ spec }: Pod, container: Container, { drainMs }: Config): void {
  const preStopSeconds = Number(container.lifecycle?.preStop.exec.command[1] ?? 0);
  assert.ok((spec.terminationGracePeriodSeconds ?? 30) * 1000 > preStopSeconds * 1000 + drainMs);
}
