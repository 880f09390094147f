import { describe } from 'node:test';
import type { EngineName } from '../../src/relay/core/engine.ts';
import { describeAdmitting } from './suite/admitting.ts';
import { describeCarrying } from './suite/carrying.ts';
import { describeChanging } from './suite/changing.ts';
import { describeCutting } from './suite/cutting.ts';
import { describeDescriptors } from './suite/descriptors.ts';
import { describeDialling } from './suite/dialling.ts';
import { describeDropping } from './suite/dropping.ts';
import { describeExactness } from './suite/exactness.ts';
import { describeIdling } from './suite/idling.ts';
import { describeListening } from './suite/listening.ts';
import type { OpenEngine } from './suite/rig.ts';
import { describeReplicating } from './suite/replicating.ts';
import { describeResting } from './suite/resting.ts';
import { describeSteering } from './suite/steering.ts';
import { describeWaiting } from './suite/waiting.ts';

/**
 * Everything that is promised of an engine, whichever it is.
 *
 * @param module the address of a module that exports the same `openEngine`
 */
export function describeEngine(name: EngineName, openEngine: OpenEngine, module: string): void {
  const engine = { name, openEngine, module };
  describe(`the ${name} engine`, () => {
    describeListening(engine);
    describeChanging(engine);
    describeAdmitting(engine);
    describeSteering(engine);
    describeWaiting(engine);
    describeDialling(engine);
    describeDropping(engine);
    describeCarrying(engine);
    describeCutting(engine);
    describeExactness(engine);
    describeIdling(engine);
    describeReplicating(engine);
    describeResting(engine);
    describeDescriptors(engine);
  });
}
