import { readdirSync, statSync } from 'node:fs';

const folder = '/proc/self/fd';

/**
 * @returns how many file descriptors this process has open; `undefined` when unknown. Since Linux 6.2 that is the size of the folder
 *   (proc(5)); before, its entries are counted, which takes 10 ms for 10,000.
 */
export function openDescriptors(): number | undefined {
  try {
    const { size } = statSync(folder);
    return size > 0 ? size : readdirSync(folder).length - 1; // one of them is the folder itself
  } catch {
    return undefined; // not Linux, or hidden by a sandbox
  }
}
