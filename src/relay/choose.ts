import type { EngineChoice } from '../config/config.ts';
import { messageOf, TunnelError } from '../errors.ts';
import type { Log } from '../telemetry/log.ts';
import type { Engine } from './engine.ts';
import { EpollEngine } from './epoll/engine.ts';
import { PairedEngine } from './paired.ts';
import { StreamsEngine } from './streams/engine.ts';

/** Brings what is believed up to date after a standstill; resolves when routes are as they should be, within seconds. */
export type CatchUp = () => Promise<void>;

/**
 * The engine for a choice: `auto` is `epoll` where that runs; where it does not, the log says why, once. TLS is carried by
 * `streams` whatever was chosen.
 *
 * A relay thread that ends by a defect is logged and throws in the main thread, uncaught: a process that has lost a part of what
 * carries its sessions is to end loudly, and whoever supervises it starts it anew.
 *
 * @throws TunnelError `ST_ENGINE_UNAVAILABLE` where `epoll` is asked for by name and cannot run
 */
export async function chooseEngine(
  choice: EngineChoice,
  threads: number,
  log: Log,
  catchUp: CatchUp,
): Promise<Engine> {
  if (choice === 'streams') return new StreamsEngine({ catchUp });
  try {
    const fast = await EpollEngine.start({
      threads,
      catchUp,
      fatal: (error) => {
        log.error('engine.failed', { reason: messageOf(error) });
        throw error;
      },
    });
    const { places, listeners } = fast;
    return new PairedEngine(fast, new StreamsEngine({ catchUp, places, listeners }), log);
  } catch (error) {
    if (choice === 'epoll' || !(error instanceof TunnelError)) throw error;
    log.warn('engine.fallback', { reason: messageOf(error) });
    return new StreamsEngine({ catchUp });
  }
}
