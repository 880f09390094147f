import { eventually } from '../../../support/index.ts';
import { fatal, withFaults } from './engines.ts';
import type { Peer } from '../../suite/peer.ts';
import type { EngineUnderTest, Rig } from '../../suite/rig.ts';

/** Counts what is read from sockets by calls of their own: nothing is, of sessions that are in the ring. */
export class Reads {
  readonly #memory = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

  /** An engine whose sessions go over to the ring with their first reply. Another has room for thousands there. */
  engine(room: 'none' | 'roomy' = 'none'): EngineUnderTest {
    return withFaults(room, fatal, 'io_uring', { reads: this.#memory });
  }

  async during(does: () => Promise<unknown>): Promise<number> {
    const before = Atomics.load(this.#memory, 0);
    await does();
    return Atomics.load(this.#memory, 0) - before;
  }
}

export function connectAll(rig: Rig, count: number): Promise<Peer[]> {
  return Promise.all(Array.from({ length: count }, () => rig.connect()));
}

/** Each asks once, all at the same time, and is answered. */
export async function askOnce(clients: readonly Peer[]): Promise<void> {
  const asking = clients.map((client) => ({ client, wanted: client.received + 1 }));
  for (const { client } of asking) client.send('.');
  await eventually(() => asking.every(({ client, wanted }) => client.received === wanted), { everyMs: 2 });
}
