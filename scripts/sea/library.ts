import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getAsset } from 'node:sea';

let path: string | undefined;

/**
 * Where the native library of koffi can be loaded from, by every thread of this process and by nobody else.
 *
 * The loader of the system takes only files. So the library is written to a folder of our own (mkdtemp: mode 0700),
 * opened, and deleted again: it stays reachable through its descriptor, and is gone with this process however that
 * ends.
 *
 * @throws Error where nothing can be written to the temporary folder
 */
export function unpackedLibrary(): string {
  if (path !== undefined) return path;
  const dir = mkdtempSync(join(tmpdir(), 'sentinel-tunnel-'));
  try {
    const file = join(dir, 'koffi.node');
    writeFileSync(file, Buffer.from(getAsset('koffi.node')), { mode: 0o500, flag: 'wx' });
    path = `/proc/self/fd/${String(openSync(file, 'r'))}`;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  return path;
}
