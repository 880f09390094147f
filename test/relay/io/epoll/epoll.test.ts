import { platform } from 'node:os';
import { describeEngine } from '../../engine-suite.ts';
import { openEngine } from './engines.ts';

if (platform() === 'linux')
  describeEngine('epoll', openEngine, new URL('./engines.js', import.meta.url).href);
