import { platform } from 'node:os';
import { describe } from 'node:test';
import { withFaults } from './engines.ts';
import { describeCutting } from '../../suite/cutting.ts';
import { describeExactness } from '../../suite/exactness.ts';
import { describeWaiting } from '../../suite/waiting.ts';

if (platform() === 'linux') {
  describe('the epoll engine, interrupted and cut short by the kernel all the time', () => {
    const stuttering = withFaults('stutter');
    describeWaiting(stuttering);
    describeCutting(stuttering);
    describeExactness(stuttering);
  });
}
