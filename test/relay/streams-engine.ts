import type { Engine } from '../../src/relay/core/engine.ts';
import { StreamsEngine } from '../../src/relay/io/streams/engine.ts';

export function openEngine(): Engine {
  return new StreamsEngine();
}
