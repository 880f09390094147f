// Builds one executable file of the program, Node and the native library of the fast engine, for the platform that
// this runs on (https://nodejs.org/docs/latest-v20.x/api/single-executable-applications.html).
//
//   node scripts/build-sea.mjs [FILE]      FILE is build/sea/sentinel-tunnel unless given; after `npm run build:test`
//
// The libc of the Node that runs this is the libc that the executable needs.
import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { arch, argv, execPath, platform, report } from 'node:process';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const postject = require.resolve('postject/dist/cli.js');
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const compiled = join(root, 'build', 'scripts', 'sea');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** What Node looks for in itself, and postject turns from 0 to 1 (https://github.com/nodejs/postject). */
const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

/** What finds things beside itself on disk is replaced by what finds them in the executable. */
const standIns = {
  name: 'stand-ins',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^koffi$/ }, () => ({ path: join(compiled, 'koffi.js') }));
    onResolve({ filter: /\/thread-module\.js$/ }, () => ({ path: join(compiled, 'thread-module.js') }));
    onResolve({ filter: /\/child-arguments\.js$/ }, () => ({ path: join(compiled, 'child-arguments.js') }));
    onResolve({ filter: /\/page-files\.js$/ }, () => ({ path: join(compiled, 'page-files.js') }));
    onLoad({ filter: /\/src\/version\.js$/ }, () => ({
      contents: `export const version = ${JSON.stringify(version)};`,
    }));
  },
};

const file = resolve(argv[2] ?? join(root, 'build', 'sea', 'sentinel-tunnel'));
await buildSea(file);
console.log(`${file}: ${String(Math.round(statSync(file).size / 2 ** 20))} MiB`);

async function buildSea(file) {
  if (platform !== 'linux') throw new Error(`Cannot build for ${platform}: only Linux is supported`);
  const dir = dirname(file);
  mkdirSync(dir, { recursive: true });
  const main = join(dir, 'main.cjs');
  const worker = join(dir, 'worker.mjs');
  const blob = join(dir, 'sea.blob');
  const config = join(dir, 'sea.json');
  const pageList = join(dir, 'dashboard.json');
  const parts = [main, worker, blob, config, pageList];
  try {
    await bundle('main.js', main, 'cjs');
    await bundle('worker.js', worker, 'esm');
    const page = pageFiles();
    writeFileSync(pageList, JSON.stringify(Object.keys(page)));
    writeFileSync(
      config,
      JSON.stringify({
        main,
        output: blob,
        disableExperimentalSEAWarning: true,
        assets: {
          'worker.mjs': worker,
          'koffi.node': nativeLibrary(),
          'dashboard.json': pageList,
          ...Object.fromEntries(Object.entries(page).map(([name, path]) => [`dashboard/${name}`, path])),
        },
      }),
    );
    execFileSync(execPath, ['--experimental-sea-config', config], { stdio: 'pipe' });
    // Written again, never over a program that may be running.
    rmSync(file, { force: true });
    copyFileSync(execPath, file);
    chmodSync(file, 0o755);
    strip(file);
    execFileSync(execPath, [postject, file, 'NODE_SEA_BLOB', blob, '--sentinel-fuse', fuse], {
      stdio: 'pipe',
    });
  } finally {
    for (const part of parts) rmSync(part, { force: true });
  }
}

async function bundle(entry, outfile, format) {
  const { warnings } = await build({
    entryPoints: [join(compiled, entry)],
    outfile,
    format,
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    logLevel: 'silent',
    legalComments: 'inline',
    plugins: [standIns],
  });
  // Above all `import.meta`, which is empty in CommonJS: what needs it has to have a stand-in.
  const [first] = warnings;
  if (first) throw new Error(`${first.location?.file ?? entry}: ${first.text}`);
}

/** The files of the dashboard in the package, by their names below it. */
function pageFiles() {
  const folder = join(root, 'dashboard');
  if (!existsSync(folder)) return {};
  const names = readdirSync(folder, { recursive: true }).filter((name) =>
    statSync(join(folder, name)).isFile(),
  );
  return Object.fromEntries(names.map((name) => [name, join(folder, name)]));
}

/** The file that koffi itself would load here. */
function nativeLibrary() {
  const platformPackage = `@koromix/koffi-linux-${arch}`;
  const libc = usesGlibc() ? 'linux' : 'musl';
  const found = require.resolve(`${platformPackage}/package.json`);
  return join(dirname(found), `${libc}_${arch}`, 'koffi.node');
}

function usesGlibc() {
  return report.getReport().header.glibcVersionRuntime !== undefined;
}

/** A tenth of Node is symbols for debuggers. Where there is no `strip` they stay. */
function strip(file) {
  try {
    execFileSync('strip', [file], { stdio: 'pipe' });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}
