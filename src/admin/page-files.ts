import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';

/**
 * The files of the dashboard in the package, by their path below it with forward slashes; none where there is no such
 * folder. The single-file executable is built with another module in this one's place.
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
