import { platform } from 'node:os';
import { describeEngine } from './engine-suite.ts';
import { openEngine } from './epoll-engine.ts';

if (platform() === 'linux')
  describeEngine('epoll', openEngine, new URL('./epoll-engine.js', import.meta.url).href);
