// Stands in for src/relay/thread-module.ts in the single-file executable.
import { getAsset } from 'node:sea';
import type { ThreadModule } from '../../src/relay/thread-module.ts';
import { unpackedLibrary } from './library.ts';

/** The thread's script is read from the executable, and the library is where the main thread has found it. */
export const threadModule: ThreadModule = {
  get module() {
    const script = Buffer.from(getAsset('worker.mjs')).toString('base64');
    return new URL(`data:text/javascript;base64,${script}`);
  },
  get data() {
    return { library: unpackedLibrary() };
  },
};
