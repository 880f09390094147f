// Builds the dashboard: src/admin/dashboard/ becomes the files of dashboard/, which the admin listener serves.
//
//   node scripts/build-dashboard.mjs
import { build } from 'esbuild';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { pid } from 'node:process';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const source = join(root, 'src', 'admin', 'dashboard');
const target = join(root, 'dashboard');

const { outputFiles } = await build({
  entryPoints: { dashboard: join(source, 'main.ts'), style: join(source, 'style.css') },
  outdir: target,
  write: false,
  bundle: true,
  minify: true,
  format: 'esm',
  // What has `light-dark()`: https://caniuse.com/mdn-css_types_color_light-dark
  target: ['chrome123', 'firefox120', 'safari17.5'],
  legalComments: 'eof',
  logLevel: 'warning',
});

mkdirSync(target, { recursive: true });
for (const { path, contents } of outputFiles) put(basename(path), contents);
for (const name of ['index.html', 'icon.svg']) put(name, readFileSync(join(source, name)));
// Its licence asks to go where it goes. It is not served.
put('uPlot-LICENSE.txt', readFileSync(join(root, 'node_modules', 'uplot', 'LICENSE')));

/** A tunnel that starts meanwhile finds the old file or the new one, never half of one. */
function put(name, contents) {
  const part = join(target, `.${name}.${String(pid)}`);
  writeFileSync(part, contents);
  renameSync(part, join(target, name));
}
