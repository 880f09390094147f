import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { manifestsIn } from './manifests.ts';
import type { Manifest } from './kubernetes-types.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const chartDir = join(root, 'deploy', 'helm', 'sentinel-tunnel');
const program = join(root, 'test', 'deploy', 'render.go');

type Values = Readonly<Record<string, unknown>>;

export const chart = parse(readFileSync(join(chartDir, 'Chart.yaml'), 'utf8')) as Readonly<
  Record<'name' | 'version' | 'appVersion', string>
>;
export const defaults = parse(readFileSync(join(chartDir, 'values.yaml'), 'utf8')) as Values;
export const valuesSchema = JSON.parse(
  readFileSync(join(chartDir, 'values.schema.json'), 'utf8'),
) as Readonly<Record<string, unknown>>;

/** For the `skip` option of a test: what renders the chart is written in the language of Helm's templates. */
export const lacksGo =
  spawnSync('go', ['version'], { stdio: 'ignore' }).status !== 0 && 'needs go, to render the templates';

export interface Rendered {
  readonly manifests: readonly Manifest[];
  readonly notes: string;
}

/** Mappings are merged in depth and everything else is replaced, as Helm does. */
function overlaid(values: Values, over: Values): Values {
  const merged: Record<string, unknown> = { ...values };
  for (const [key, value] of Object.entries(over)) {
    const own = merged[key];
    merged[key] = isMapping(own) && isMapping(value) ? overlaid(own, value) : value;
  }
  return merged;
}

export function valuesWith(over: Values): Values {
  return overlaid(defaults, over);
}

/** Renders the chart, or a chart of an application that has it as a subchart. */
export function render(over: Values, parentDir?: string): Rendered {
  const { name: Name, version: Version, appVersion: AppVersion } = chart;
  const own = { dir: chartDir, values: valuesWith(over), chart: { Name, Version, AppVersion } };
  const release = { Name: 'cache', Namespace: 'shop', Service: 'Helm' };
  const whole =
    parentDir === undefined
      ? { ...own, release }
      : {
          dir: parentDir,
          values: {},
          chart: { Name: 'application' },
          release,
          subcharts: { 'sentinel-tunnel': own },
        };
  const { status, stdout, stderr } = spawnSync('go', ['run', program], {
    input: JSON.stringify(whole),
    encoding: 'utf8',
    env: { ...process.env, GO111MODULE: 'off', GOFLAGS: '' },
  });
  if (status !== 0) throw new Error(stderr);
  const files = JSON.parse(stdout) as Readonly<Record<string, string>>;
  const { 'NOTES.txt': notes = '', ...manifests } = files;
  return { manifests: Object.values(manifests).flatMap(manifestsIn), notes };
}

function isMapping(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
