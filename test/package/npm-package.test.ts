import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const skip = existsSync(join(root, 'dist', 'main.js')) ? false : 'needs "npm run build"';

test('the package holds what is run, read and referred to, and nothing else', { skip }, () => {
  const printed = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [{ files }] = JSON.parse(printed) as [{ files: readonly { readonly path: string }[] }];
  const packed = files.map(({ path }) => path);

  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' });
  const compiled = sources
    .filter((name) => name.endsWith('.ts'))
    // Bundled for the browser, into dashboard/.
    .filter((name) => !name.startsWith(join('admin', 'dashboard')))
    .flatMap((name) => ['.js', '.d.ts'].map((ending) => `dist/${name.replace(/\.ts$/, ending)}`));
  assert.deepEqual(
    compiled.filter((path) => !packed.includes(path)),
    [],
    'compiled, and not in the package: is dist/ of this state (npm run build)?',
  );
  for (const needed of [
    'package.json',
    'dashboard/index.html',
    'dashboard/dashboard.js',
    'dashboard/style.css',
    'README.md',
    'LICENSE',
    'schema/sentinel-tunnel.schema.json',
  ]) {
    assert.ok(packed.includes(needed), needed);
  }
  const folders = new Set(packed.map((path) => (path.includes('/') ? path.split('/')[0] : path)));
  const { files: listed } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    readonly files: readonly string[];
  };
  assert.deepEqual(
    [...folders].toSorted(),
    ['LICENSE', 'README.md', 'package.json', ...listed.map((path) => path.split('/')[0])].toSorted(),
    'at the top of the package',
  );
  assert.deepEqual(
    packed.filter((path) => /(^|\/)(test|bench|node_modules)\/|\.test\.|\.env|\.tgz$/.test(path)),
    [],
  );
});
