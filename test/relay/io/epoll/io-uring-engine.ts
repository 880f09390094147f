import type { Engine } from '../../../../src/relay/core/engine.ts';
import { fatal, withFaults } from './engines.ts';

/** Sessions go over with their first reply, and the ring is so small that they often have to leave it. */
export function openEngine(): Engine | Promise<Engine> {
  return withFaults('none', fatal, 'io_uring').openEngine();
}
