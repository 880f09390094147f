import type { Engine } from '../../../../src/relay/core/engine.ts';
import { StreamsEngine } from '../../../../src/relay/streams-engine.ts';

export function openEngine(): Engine {
  return new StreamsEngine();
}
