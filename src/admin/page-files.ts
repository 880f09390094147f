import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';

/**
 * The single-file executable is built with another module in place of this one.
 *
 * @returns the files of the dashboard, by their path with forward slashes; none when the package has no dashboard
 */
export function pageFiles(): ReadonlyMap<string, Uint8Array<ArrayBuffer>> {
  const require = createRequire(import.meta.url);
  const folder = join(dirname(require.resolve('sentinel-tunnel/package.json')), 'dashboard');
  const names = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : [];
  return new Map(
    names
      .filter((name) => statSync(join(folder, name)).isFile())
      .map((name) => [name.split(sep).join('/'), new Uint8Array(readFileSync(join(folder, name)))]),
  );
}
