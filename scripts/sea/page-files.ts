// Stands in for src/admin/page-files.ts in the single-file executable.
import { getAsset } from 'node:sea';

/** The build has put the files into the executable, and a list of their names. */
export function pageFiles(): ReadonlyMap<string, Uint8Array<ArrayBuffer>> {
  const names = JSON.parse(getAsset('dashboard.json', 'utf8')) as readonly string[];
  return new Map(names.map((name) => [name, new Uint8Array(getAsset(`dashboard/${name}`))]));
}
