import { fileURLToPath } from 'node:url';

/**
 * With which arguments this program's executable looks names up. The single-file executable, where nothing stands beside
 * anything, is built with another module in this one's place.
 */
export const childArguments: readonly string[] = [fileURLToPath(new URL('./names-main.js', import.meta.url))];
