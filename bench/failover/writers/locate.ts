import { RespClient } from '../../../test/support/resp-client.ts';
import type { Locate } from './plain.ts';

export function always(port: number): Locate {
  return () => Promise.resolve(port);
}

/** Asks the Sentinels one after the other, on a new connection each time, as a plain Sentinel-aware client does. */
export function askSentinels(ports: readonly number[], name: string): Locate {
  return async () => {
    for (const port of ports) {
      try {
        await using client = await RespClient.connect(port, { deadlineMs: 300 });
        const reply = await client.command('SENTINEL', 'get-master-addr-by-name', name);
        if (Array.isArray(reply)) return Number(reply[1]);
      } catch {
        // This Sentinel is of no use now; the next one may be.
      }
    }
    throw new Error('No Sentinel names a master');
  };
}
