import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe } from 'node:test';
import { hasRing } from './engines.ts';
import { askOnce, connectAll, Reads } from './io-uring-reads.ts';
import { it } from '../../suite/it.ts';
import { Upstream, type Peer } from '../../suite/peer.ts';
import { Rig, unread } from '../../suite/rig.ts';

const sessions = 2_000;

const skip = !(await hasRing())
  ? 'there is no io_uring here, or it is forbidden'
  : !mayOpen(4 * sessions + 200) && 'too few descriptors are allowed here';

describe('a steering of the io_uring engine', { skip }, () => {
  it('cuts two thousand sessions in the ring at once: nothing gets through any more, and the new route is served', async () => {
    let late = 0;
    const answer = (server: Peer, chunk: Buffer): void => {
      if (chunk.includes('late')) late += 1;
      server.socket.write(chunk);
    };
    await using one = await Upstream.start(answer);
    await using two = await Upstream.echo();
    const reads = new Reads();
    await using rig = await Rig.open(reads.engine('roomy'), unread);
    rig.serve(one.port);
    const silent: Peer[] = [];
    const asking: Peer[] = [];
    // Fewer at a time than wait in the queue of a listener.
    while (asking.length < sessions / 2)
      for (const group of [silent, asking]) group.push(...(await connectAll(rig, 100)));
    await askOnce([...silent, ...asking]);
    assert.equal(await reads.during(() => askOnce([...silent, ...asking])), 0);

    for (const client of asking) client.send('?');
    rig.serve(two.port, 2);
    assert.equal((await rig.event('steered', 1)).cut, sessions);
    // The kernel lets go of some after others: what still gets to this process must not be carried.
    for (const client of asking) client.send('late');
    for (const server of one.peers) server.send('late');
    const next = await connectAll(rig, 20);
    await askOnce(next);
    for (const client of silent) assert.equal(await client.ended(), 'reset');
    for (const client of asking) await client.ended();
    for (const server of one.peers) await server.ended();
    assert.equal(late, 0);
    for (const { text } of [...silent, ...asking]) assert.ok(!text.includes('late'), text);
    await rig.endedBy('evicted', sessions);
    await rig.counts({ open: next.length });
  });
});

/** Whether this process may have so many descriptors (proc_pid_limits(5)); Node raises the soft limit to the hard one. */
function mayOpen(count: number): boolean {
  const most = /^Max open files +\S+ +(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return most === 'unlimited' || Number(most) >= count;
}
