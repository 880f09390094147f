import { describe } from 'node:test';
import { Certificates } from '../kit/index.ts';
import { openEngine } from './streams-engine.ts';
import { describeCarrying } from './suite/carrying.ts';
import { describeCutting } from './suite/cutting.ts';
import { describeDialling } from './suite/dialling.ts';
import { describeExactness } from './suite/exactness.ts';
import { describeSteering } from './suite/steering.ts';
import { describeWaiting } from './suite/waiting.ts';
import { speakTls } from './suite/peer.ts';

const certificates = await Certificates.make();
speakTls({ ca: certificates.ca, server: await certificates.issue('server') });
await certificates[Symbol.asyncDispose]();

const engine = {
  name: 'streams',
  openEngine,
  module: new URL('./streams-engine.js', import.meta.url).href,
} as const;

// What listening and running out of descriptors come to is the same under TLS.
describe('the streams engine with TLS on both sides', () => {
  describeSteering(engine);
  describeWaiting(engine);
  describeDialling(engine);
  describeCarrying(engine);
  describeCutting(engine);
  describeExactness(engine);
});
