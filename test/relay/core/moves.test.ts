import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Client, clientMoves, type ClientState } from '../../../src/relay/core/client.ts';
import { Clients } from '../../../src/relay/core/clients.ts';
import { Upstream, upstreamMoves, type UpstreamState } from '../../../src/relay/core/upstream.ts';
import { FakeConnection } from '../fake-connection.ts';
import { FakeDialler } from '../fake-dialler.ts';
import { a } from './runtime-rig.ts';

function ignore(): void {
  // The states alone are looked at.
}

const clientOwner = {
  clientEnding: ignore,
  clientGone: ignore,
  clientFinished: ignore,
  clientHalfClosed: ignore,
  clientReplicates: ignore,
  firstReply: ignore,
  suspectReply: ignore,
  serverDropped: ignore,
};
const upstreamOwner = { upstreamConnected: ignore, upstreamFailed: ignore };

function newUpstream(): Upstream<Client> {
  const client = new Client(1, 0, new FakeConnection(), true, clientOwner);
  return new Upstream(1, a, client, upstreamOwner, 0, 300);
}

describe('a client', () => {
  const paths: Record<ClientState, readonly ClientState[]> = {
    waiting: [],
    attached: ['attached'],
    ended: ['ended'],
  };
  for (const [from, path] of Object.entries(paths) as [ClientState, readonly ClientState[]][]) {
    it(`that is ${from} goes where the table says, and nowhere else`, () => {
      for (const to of Object.keys(clientMoves) as ClientState[]) {
        const clients = new Clients();
        const client = new Client(1, 0, new FakeConnection(), true, clientOwner);
        const upstream = new Upstream(1, a, client, upstreamOwner, 0, 300);
        const move = (state: ClientState): void => {
          if (state === 'attached') clients.attach(client, upstream);
          else if (state === 'waiting') clients.detach(client, 0);
          else clients.end(client);
        };
        clients.add(client);
        clients.connect(client, upstream);
        for (const state of path) move(state);
        const legal: readonly ClientState[] = clientMoves[from];
        if (legal.includes(to)) {
          move(to);
          assert.equal(client.state, to);
        } else {
          assert.throws(
            () => {
              move(to);
            },
            new RegExp(`cannot go from ${from} to ${to}`),
          );
          assert.equal(client.state, from);
        }
      }
    });
  }

  it('that waits is neither read from nor written to', () => {
    const client = new Client(1, 0, new FakeConnection(), true, clientOwner);
    for (const event of ['data', 'ended', 'writable', 'writeFailed'] as const)
      assert.throws(() => {
        client[event]();
      }, /A client that waits/);
  });
});

describe('an upstream', () => {
  const paths: Record<UpstreamState, readonly UpstreamState[]> = {
    connecting: [],
    ready: ['ready'],
    closed: ['closed'],
  };
  for (const [from, path] of Object.entries(paths) as [UpstreamState, readonly UpstreamState[]][]) {
    it(`that is ${from} goes where the table says, and nowhere else`, () => {
      const legal: readonly UpstreamState[] = upstreamMoves[from];
      for (const to of ['ready', 'closed'] as const) {
        const upstream = newUpstream();
        const move = (state: UpstreamState): void => {
          if (state === 'ready') upstream.connected(new FakeConnection());
          else upstream.close();
        };
        for (const state of path) move(state);
        if (legal.includes(to)) {
          move(to);
          assert.equal(upstream.state, to);
        } else if (to === 'ready') {
          assert.throws(
            () => {
              move(to);
            },
            new RegExp(`cannot go from ${from} to ${to}`),
          );
        } else move(to); // closing twice is harmless
        assert.equal(upstream.state, legal.includes(to) ? to : from);
      }
    });
  }

  for (const how of ['close', 'reset'] as const) {
    it(`gives up its dial, or closes its connection, once: ${how}()`, () => {
      const dialler = new FakeDialler();
      const [dialled, ready, unbegun] = [newUpstream(), newUpstream(), newUpstream()];
      for (const upstream of [dialled, ready]) upstream.begin(dialler, undefined);
      const connection = new FakeConnection();
      dialler.dials[1]?.connect(connection);
      for (const upstream of [dialled, ready, unbegun]) {
        upstream[how]();
        upstream.close();
        upstream.reset();
        assert.equal(upstream.state, 'closed');
      }
      assert.equal(dialler.dials[0]?.isAbandoned, true);
      assert.equal(connection.closed, how);
    });
  }
});
