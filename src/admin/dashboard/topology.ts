import type { DatabaseStatus, Status } from '../status.ts';
import { subscriptionWords, type Tone } from '../wording.ts';
import { answerOf } from './words.ts';

/** The servers and Sentinels of one database and their relations, for `topology-picture.ts`. */
export interface Topology {
  readonly listen: readonly { readonly address: string; readonly isOpen: boolean }[];
  readonly engine: string;
  readonly servers: readonly ServerNode[];
  readonly sentinels: readonly SentinelNode[];
  /** The served master: an index of `servers`. */
  readonly served: number | undefined;
  /** What happens to new clients while none is served. */
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

/** @returns the topology of a database */
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

/** @returns the served master or the candidate, then servers that a Sentinel names, then the replicas */
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
  if (phase.kind === 'fenced' && phase.candidate) add(addressOf(phase.candidate), 'busy', 'candidate');
  if (phase.kind === 'lost') add(addressOf(phase.named), 'bad', 'not usable');
  for (const { said } of status.sentinels) {
    for (const { database: name, address, agrees } of said) {
      if (name !== database.name || address === null) continue;
      if (agrees !== false) add(address, 'idle', 'named by Sentinel');
      else if (database.standing === 'provisional') add(address, 'idle', 'old master');
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

/** @returns the picture as text, for screen readers */
export function describe(name: string, topology: Topology): string {
  const { servers, sentinels, served, stopped } = topology;
  const master = served === undefined ? undefined : servers[served]?.address;
  const target =
    master === undefined
      ? `Applications have no server for ${name}: new connections ${stopped === 'refused' ? 'are refused' : 'wait'}.`
      : `Applications are connected to ${master}, the master of ${name}.`;
  const roles = servers
    .filter(({ address }) => address !== master)
    .map(({ address, role }) => `${address}: ${role}.`);
  const words = sentinels.map(({ address, sentence }) => `Sentinel ${address}: ${sentence}.`);
  return [target, ...roles, ...words].join(' ');
}
