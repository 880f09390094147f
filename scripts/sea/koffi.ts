// Stands in for the package koffi in the single-file executable: its native library, from inside that file.
import type * as Koffi from 'koffi';
import { tmpdir } from 'node:os';
import { isMainThread, workerData } from 'node:worker_threads';
import { unpackedLibrary } from './library.ts';

const loaded: { exports: unknown } = { exports: {} };
try {
  process.dlopen(loaded, isMainThread ? unpackedLibrary() : libraryOfThread(workerData));
} catch (cause) {
  const reason = cause instanceof Error ? cause.message : String(cause);
  throw new Error(
    `its native library cannot be loaded from the temporary folder "${tmpdir()}" (TMPDIR), which has to be writable and not mounted noexec: ${reason}`,
    { cause },
  );
}
export const { load, address, errno, node, view } = loaded.exports as typeof Koffi;

function libraryOfThread(given: unknown): string {
  return (given as { readonly data: { readonly library: string } }).data.library;
}
