import { describe, test } from 'node:test';
import { describeEngine } from '../../engine-suite.ts';
import { hasRing, withFaults } from './engines.ts';
import { openEngine } from './io-uring-engine.ts';
import { describeCutting } from '../../suite/cutting.ts';
import { describeExactness } from '../../suite/exactness.ts';
import { describeWaiting } from '../../suite/waiting.ts';

if (await hasRing()) {
  describeEngine('io_uring', openEngine, new URL('./io-uring-engine.js', import.meta.url).href);
  describe('the io_uring engine, interrupted and cut short by the kernel all the time', () => {
    const cramped = withFaults('cramp', undefined, 'io_uring');
    describeWaiting(cramped);
    describeCutting(cramped);
    describeExactness(cramped);
  });
} else test('runs where the kernel has an io_uring for it', { skip: 'it has none here, or forbids it' });
