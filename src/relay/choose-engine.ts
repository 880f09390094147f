import type { EngineChoice } from '../config/types.ts';
import { messageOf, TunnelError } from '../errors.ts';
import type { Log } from '../telemetry/log.ts';
import type { Engine } from './core/engine.ts';
import { EpollEngine } from './epoll-engine.ts';
import { PairedEngine } from './paired-engine.ts';
import type { CatchUp } from '../lifecycle/stall.ts';
import { StreamsEngine } from './streams-engine.ts';

/**
 * The engine for a choice: `auto` is the first of `io_uring`, `epoll` and `streams` that runs here; the log says why one does not.
 * TLS is carried by `streams` whatever was chosen.
 *
 * A relay thread that ends by a defect is logged and throws in the main thread, uncaught: a process that has lost a part of what
 * carries its sessions ends with an error, so that its supervisor restarts it.
 *
 * @throws TunnelError `ST_ENGINE_UNAVAILABLE` where an engine is asked for by name and cannot run
 */
export async function chooseEngine(
  choice: EngineChoice,
  threads: number,
  log: Log,
  catchUp: CatchUp,
): Promise<Engine> {
  function fatal(error: Error): never {
    log.error('engine.failed', { reason: messageOf(error) });
    throw error;
  }
  const wanted = choice === 'auto' ? (['io_uring', 'epoll'] as const) : choice === 'streams' ? [] : [choice];
  const reasons: string[] = [];
  for (const name of wanted) {
    try {
      const fast = await EpollEngine.start({ threads, usesRing: name === 'io_uring', catchUp, fatal });
      const { clients, descriptors, listeners } = fast;
      // Containers forbid io_uring, mostly, and nobody has to do anything about it.
      if (reasons[0] !== undefined) log.info('engine.epoll', { reason: reasons[0] });
      return new PairedEngine(fast, new StreamsEngine({ catchUp, clients, descriptors, listeners }), log);
    } catch (error) {
      if (choice !== 'auto' || !(error instanceof TunnelError)) throw error;
      reasons.push(messageOf(error));
    }
  }
  const reason = reasons.at(-1);
  if (reason !== undefined) log.warn('engine.fallback', { reason });
  return new StreamsEngine({ catchUp });
}
