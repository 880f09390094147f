import { describeEngine } from '../../engine-suite.ts';
import { openEngine } from './streams-engine.ts';

describeEngine('streams', openEngine, new URL('./streams-engine.js', import.meta.url).href);
