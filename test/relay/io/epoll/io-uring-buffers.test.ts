import assert from 'node:assert/strict';
import { after, describe } from 'node:test';
import { hasRing, withFaults } from './engines.ts';
import { audit } from './ring-audit.ts';
import { tight } from './ring-sizes.ts';
import { describeAsking } from '../../suite/asking.ts';

if (await hasRing()) {
  for (const [faults, threads] of [
    ['none', 1],
    ['none', 2],
    ['cramp', 1],
  ] as const) {
    describe(`the io_uring engine, ${threads} threads, faults: ${faults}`, () => {
      const tally = new Int32Array(new SharedArrayBuffer(audit.length * Int32Array.BYTES_PER_ELEMENT));
      describeAsking(withFaults(faults, undefined, 'io_uring', { threads, tally }));
      after(() => {
        const [rings = 0, free, twice] = tally;
        assert.equal(free, rings * tight.buffers, 'every buffer has been given back');
        assert.equal(twice, 0, 'none has been given back twice');
      });
    });
  }
}
