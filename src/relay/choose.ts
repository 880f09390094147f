import type { EngineChoice } from '../config/config.ts';
import { TunnelError } from '../errors.ts';
import type { Log } from '../telemetry/log.ts';
import type { Engine } from './engine.ts';
import { StreamsEngine } from './streams/engine.ts';

/**
 * The engine for a choice, as far as this machine allows it.
 *
 * @throws TunnelError `ST_ENGINE_UNAVAILABLE`
 */
export function chooseEngine(choice: EngineChoice, _threads: number, _log: Log): Promise<Engine> {
  if (choice !== 'epoll') return Promise.resolve(new StreamsEngine());
  return Promise.reject(new TunnelError('ST_ENGINE_UNAVAILABLE', 'No engine "epoll" here'));
}
