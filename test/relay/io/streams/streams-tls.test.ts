import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe } from 'node:test';
import { Certificates } from '../../../support/index.ts';
import { openEngine } from './streams-engine.ts';
import { describeCarrying } from '../../suite/carrying.ts';
import { describeCutting } from '../../suite/cutting.ts';
import { describeDialling } from '../../suite/dialling.ts';
import { describeExactness } from '../../suite/exactness.ts';
import { describeReplicating } from '../../suite/replicating.ts';
import { describeSteering } from '../../suite/steering.ts';
import { describeWaiting } from '../../suite/waiting.ts';
import { it } from '../../suite/it.ts';
import { speakTls } from '../../suite/peer.ts';
import { loopback, Rig } from '../../suite/rig.ts';

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
  describeReplicating(engine);

  it('says nothing in plain to a client of another network: no line before a handshake', async () => {
    await using rig = await Rig.open(engine, { listen: [{ address: loopback, allow: ['10.0.0.0/8'] }] });
    assert.ok(rig.address.kind === 'tcp');
    const stranger = connect(rig.address.port, rig.address.host);
    let bytes = 0;
    stranger.on('data', (chunk) => (bytes += chunk.length));
    await once(stranger, 'close');
    assert.equal(bytes, 0);
    assert.equal((await rig.event('refused')).reason, '127.0.0.1 is not allowed');
  });
});
