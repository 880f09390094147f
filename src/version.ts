import { createRequire } from 'node:module';

/** The version of the package that this code is part of, whether it runs from `dist/` or from a build of the tests. */
export const version: string = readVersion();

function readVersion(): string {
  const require = createRequire(import.meta.url);
  const { version: found } = require('sentinel-tunnel/package.json') as { readonly version: string };
  return found;
}
