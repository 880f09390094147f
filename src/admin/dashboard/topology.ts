import type { DatabaseStatus, Status } from '../status.ts';
import { subscriptionWords, type Tone } from '../wording.ts';
import { answerOf } from './words.ts';

/** Who takes part for one database, and who says what of whom. A value; drawn by `topology-picture.ts`. */
export interface Topology {
  readonly listen: readonly { readonly address: string; readonly isOpen: boolean }[];
  readonly engine: string;
  readonly servers: readonly ServerNode[];
  readonly sentinels: readonly SentinelNode[];
  /** Where sessions go now: an index of `servers`. */
  readonly served: number | undefined;
  /** Why none of them is led anywhere, in a word. */
  readonly stopped: 'waiting' | 'refused' | undefined;
}

export interface ServerNode {
  readonly address: string;
  readonly tone: Tone;
  readonly role: string;
}

export interface SentinelNode {
  readonly address: string;
  readonly tone: Tone;
  readonly word: string;
  readonly sentence: string;
  readonly latencyMs: number | null;
  readonly epoch: number | null;
  readonly hearing: string;
  /** The server that it names: an index of `servers`. */
  readonly names: number | undefined;
}

/** The picture of a database. Pure. */
export function topologyOf(status: Status, database: DatabaseStatus): Topology {
  const servers = serversOf(status, database);
  const indexOf = (address: string | null): number | undefined => {
    const index = servers.findIndex((server) => server.address === address);
    return index < 0 ? undefined : index;
  };
  return {
    listen: database.listen.map(({ address, open }) => ({ address, isOpen: open })),
    engine: status.program.engine,
    servers,
    sentinels: status.sentinels.map((sentinel) => {
      const said = sentinel.said.find((each) => each.database === database.name);
      const { tone, word, sentence } = answerOf(sentinel, said, database.standing);
      return {
        address: sentinel.address,
        ...{ tone, word, sentence },
        latencyMs: said ? said.latencyMs : sentinel.latencyMs,
        epoch: said?.epoch ?? null,
        hearing: subscriptionWords[sentinel.subscription],
        names: indexOf(said?.address ?? null),
      };
    }),
    served: database.hold ? undefined : indexOf(database.master),
    stopped: stoppedBy(database),
  };
}

function stoppedBy({ phase, hold }: DatabaseStatus): Topology['stopped'] {
  if (phase === 'forbidden') return 'refused';
  return phase === 'serving' && !hold ? undefined : 'waiting';
}

/** The served master, or the one that is to be, then whoever is named by a Sentinel, then the replicas. */
function serversOf(status: Status, database: DatabaseStatus): ServerNode[] {
  const servers = new Map<string, ServerNode>();
  const add = (address: string, tone: Tone, role: string): void => {
    if (!servers.has(address)) servers.set(address, { address, tone, role });
  };
  const { phase } = database.view;
  if (phase.kind === 'serving' && database.master !== null) {
    const isConfirmed = phase.standing === 'confirmed';
    add(database.master, isConfirmed ? 'good' : 'busy', isConfirmed ? 'master' : 'master, provisional');
  }
  if (phase.kind === 'fenced' && phase.candidate) add(addressOf(phase.candidate), 'busy', 'master to be');
  if (phase.kind === 'lost') add(addressOf(phase.named), 'bad', 'cannot be used');
  for (const { said } of status.sentinels) {
    for (const { database: name, address, agrees } of said) {
      if (name !== database.name || address === null) continue;
      if (agrees !== false) add(address, 'idle', 'named by Sentinel');
      else if (database.standing === 'provisional') add(address, 'idle', 'master before');
      else add(address, 'poor', 'named, not served');
    }
  }
  for (const replica of database.replicas) add(replica, 'idle', 'replica');
  for (const { address, state } of database.absent)
    add(address, 'bad', state === 'down' ? 'replica, down' : 'replica, apart');
  return [...servers.values()];
}

function addressOf({ host, port }: { readonly host: string; readonly port: number }): string {
  return host.includes(':') ? `[${host}]:${String(port)}` : `${host}:${String(port)}`;
}

/** The picture in one sentence each: what a reader hears who does not see it. */
export function describe(name: string, topology: Topology): string {
  const { servers, sentinels, served, stopped } = topology;
  const master = served === undefined ? undefined : servers[served]?.address;
  const led =
    master === undefined
      ? `Applications are not led to any server of ${name}: new connections ${stopped === 'refused' ? 'are refused' : 'wait'}.`
      : `Applications are led to ${master}, the master of ${name}.`;
  const roles = servers
    .filter(({ address }) => address !== master)
    .map(({ address, role }) => `${address}: ${role}.`);
  const words = sentinels.map(({ address, sentence }) => `Sentinel ${address}: ${sentence}.`);
  return [led, ...roles, ...words].join(' ');
}
