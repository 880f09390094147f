import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { nowMs } from '../../lib/clock.ts';
import { thrownKind, WriterLog, type Writer } from './log.ts';

export interface LibraryOptions {
  readonly key: string;
  readonly name: string;
  readonly sentinelPorts: readonly number[];
  readonly pauseMs: number;
  readonly retryMs: number;
}

/** ioredis as its Sentinel client, with the failover detector on and its waits cut to `retryMs`. */
export class IoredisWriter implements Writer {
  readonly log: WriterLog;
  readonly #redis: Redis;
  #isStopped = false;

  constructor({ key, name, sentinelPorts, pauseMs, retryMs }: LibraryOptions) {
    this.log = new WriterLog(key);
    this.#redis = new Redis({
      sentinels: sentinelPorts.map((port) => ({ host: '127.0.0.1', port })),
      name,
      failoverDetector: true,
      retryStrategy: () => retryMs,
      sentinelRetryStrategy: () => retryMs,
      // Not after 20 tries, which with such short waits would be at once.
      maxRetriesPerRequest: null,
    });
    this.#redis.on('error', (error) => {
      this.log.fault(thrownKind(error));
    });
    this.#redis.on('close', () => {
      this.log.fault('cut');
    });
    void this.#write(pauseMs);
  }

  stop(): void {
    this.#isStopped = true;
    this.log.close();
    this.#redis.disconnect();
  }

  async #write(pauseMs: number): Promise<void> {
    for (let sequence = 1; !this.#isStopped; sequence += 1) {
      const value = String(sequence);
      const sentMs = nowMs();
      try {
        await this.#redis.rpush(this.log.key, value);
        const { stream } = this.#redis;
        const port = 'remotePort' in stream ? Number(stream.remotePort) : 0;
        this.log.acks.push({ value, sentMs, ackMs: nowMs(), port });
      } catch (error) {
        this.log.fault(thrownKind(error));
      }
      await sleep(pauseMs);
    }
  }
}
