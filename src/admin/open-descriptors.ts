import { readdirSync, statSync } from 'node:fs';

const folder = '/proc/self/fd';

/**
 * How many file descriptors this process has open; `undefined` where that cannot be seen. Since Linux 6.2 the size of the
 * folder says so (proc(5)); before, its entries have to be counted, which takes 10 ms where there are 10,000.
 */
export function openDescriptors(): number | undefined {
  try {
    const { size } = statSync(folder);
    return size > 0 ? size : readdirSync(folder).length - 1; // one of them is the folder itself
  } catch {
    return undefined; // not Linux, or hidden by a sandbox
  }
}
