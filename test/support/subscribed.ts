import { channels } from '../../src/sentinel/links/announcement.ts';
import { eventually } from './eventually.ts';
import type { RedisProcess } from './redis-process.ts';

/** Waits until each of these Sentinels has a subscriber to all that a tunnel wants to hear: it serves before that. */
export async function awaitSubscribed(sentinels: readonly RedisProcess[]): Promise<void> {
  for (const sentinel of sentinels) {
    await eventually(async () => {
      const list = String(await sentinel.command('CLIENT', 'LIST'));
      return new RegExp(`\\bsub=${channels.length}\\b`).test(list);
    });
  }
}
