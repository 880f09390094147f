import { fileURLToPath } from 'node:url';

/**
 * The arguments with which this program's executable runs as the process for name lookups. The single-file executable, which has no
 * files beside it, is built with another module in place of this one.
 */
export const childArguments: readonly string[] = [fileURLToPath(new URL('./names-main.js', import.meta.url))];
