import { setTimeout as sleep } from 'node:timers/promises';
import { createSentinel } from 'redis';
import { nowMs } from '../../lib/clock.ts';
import type { LibraryOptions } from './ioredis.ts';
import { thrownKind, WriterLog, type Writer } from './log.ts';

/**
 * node-redis as its Sentinel client. It subscribes to `switch-master` without the sign that the channel has and so
 * hears nothing (redis/client 6.3): its scan is what finds a new master, once a second here and never by default.
 */
export class NodeRedisWriter implements Writer {
  readonly log: WriterLog;
  readonly #options: LibraryOptions;
  #isStopped = false;

  constructor(options: LibraryOptions) {
    this.log = new WriterLog(options.key);
    this.#options = options;
    void this.#run();
  }

  stop(): void {
    this.#isStopped = true;
    this.log.close();
  }

  async #run(): Promise<void> {
    const { name, sentinelPorts, pauseMs, retryMs } = this.#options;
    const sentinel = createSentinel({
      name,
      sentinelRootNodes: sentinelPorts.map((port) => ({ host: '127.0.0.1', port })),
      scanInterval: 1000,
      nodeClientOptions: { socket: { reconnectStrategy: () => retryMs } },
      sentinelClientOptions: { socket: { reconnectStrategy: () => retryMs } },
    });
    sentinel.on('error', (error: unknown) => {
      this.log.fault(thrownKind(error));
    });
    await sentinel.connect();
    for (let sequence = 1; !this.#isStopped; sequence += 1) {
      const value = String(sequence);
      const sentMs = nowMs();
      try {
        // Both in one MULTI, so that the server that took the write also says which it is.
        const [, said] = await sentinel
          .multi()
          .rPush(this.log.key, value)
          .addCommand(false, ['CONFIG', 'GET', 'port'])
          .exec();
        this.log.acks.push({ value, sentMs, ackMs: nowMs(), port: portOf(said) });
      } catch (error) {
        this.log.fault(thrownKind(error));
        await sleep(retryMs);
      }
      await sleep(pauseMs);
    }
    await sentinel.destroy();
  }
}

/** RESP2 gives a flat array, RESP3 a map. */
function portOf(reply: unknown): number {
  if (Array.isArray(reply)) return Number(reply[1]);
  if (typeof reply === 'object' && reply !== null && 'port' in reply) return Number(reply.port);
  return 0;
}
