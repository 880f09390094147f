import type { AddressMap } from '../net/address-map.ts';
import type { Endpoint, ListenAddress } from '../net/endpoint.ts';
import type { Secret } from '../net/secret.ts';
import type { Access, ServerAccess, ServerTls } from '../net/tls.ts';
import type { LogLevel } from '../telemetry/log.ts';

/** The whole configuration after parsing: frozen, nothing optional that has a default, units in names. */
export interface Config {
  /** The configured Sentinels (seeds), in order of preference. At least one. */
  readonly sentinels: readonly Endpoint[];
  readonly sentinel: SentinelConfig;
  /** At least one. */
  readonly databases: readonly DatabaseConfig[];
  /** Where to dial what is announced under addresses that cannot be reached from here. */
  readonly addressMap: AddressMap;
  /** The listener for probes, metrics and operators; `undefined` where there is none. */
  readonly admin: AdminConfig | undefined;
  readonly engine: EngineChoice;
  /** Worker threads of the epoll engine. */
  readonly threads: number;
  /** Connections at once, of all databases together. */
  readonly maxConnections: number;
  /** How long sessions may go on after a stop was asked for, in milliseconds. */
  readonly drainMs: number;
  readonly log: LogConfig;
  /** What a person should look at although everything works, such as a password that everybody may read. */
  readonly warnings: readonly ConfigWarning[];
}

/** Something in a configuration that works, but should be changed. */
export interface ConfigWarning {
  /** `certificate`: one is not valid now. `secret-readable`: every user of this machine can read the file. */
  readonly kind: 'certificate' | 'secret-readable';
  readonly text: string;
}

export type EngineChoice = 'auto' | 'io_uring' | 'epoll' | 'streams';

/** How to speak to Sentinels. Its credentials go to Sentinels alone. */
export interface SentinelConfig extends Access {
  /** Also use the Sentinels that the configured ones name. */
  readonly discover: boolean;
  /** A Sentinel that takes longer than this to answer is reported as down, in milliseconds; a late answer still counts, for up to 5 s. */
  readonly replyMs: number;
  /** Every Sentinel is asked this often, in milliseconds, whatever is announced. */
  readonly pollMs: number;
}

/**
 * What each database allows its clients, declared here alone: the range and the default of each number, what a change of it
 * does to a running tunnel, and what it means. Schema, types and the comparison of configurations are made of it.
 */
export const clientLimits = {
  holdMs: {
    least: 1,
    standard: 10_000,
    effect: 'waiting',
    description:
      'How long a connection may wait for a master and for the connection to it, together, in milliseconds. Then it is refused.',
  },
  // As many as may be connected: every client that was served reconnects at a failover, and may wait then.
  holdMax: {
    least: 0,
    standard: 10_000,
    effect: 'newSessions',
    description:
      'How many connections may wait at once. One more is refused; with 0, every one that would have to wait. Below `maxConnections`, some of those that a failover cuts are refused when they reconnect.',
  },
  dialMs: {
    least: 1,
    standard: 1_500,
    effect: 'waiting',
    description: 'Deadline of one attempt to connect to the master, in milliseconds.',
  },
  maxConnections: {
    least: 1,
    standard: 10_000,
    effect: 'newSessions',
    description: 'Connections at once, waiting ones included. One more is refused.',
  },
  idleMs: {
    least: 0,
    standard: 0,
    effect: 'idle',
    description:
      'A connection on which no byte has moved for this long is closed, in milliseconds; it may take half as long again. 0: never.',
  },
} as const;

/** The numbers of `clientLimits`, as configured. */
export type ClientLimits = Readonly<Record<keyof typeof clientLimits, number>>;

/** The limits alone, of a database that has more. */
export function clientLimitsOf(database: ClientLimits): ClientLimits {
  const keys = Object.keys(clientLimits) as (keyof ClientLimits)[];
  return Object.fromEntries(keys.map((key) => [key, database[key]])) as Record<keyof ClientLimits, number>;
}

export interface DatabaseConfig extends ClientLimits {
  /** The master name in Sentinel. Case matters; any printable text (Redis Enterprise has `db1@internal`). */
  readonly name: string;
  /** At least one. */
  readonly listen: readonly ListenerConfig[];
  /** `promoted`: fence at the leader's first word and serve the replica once it says it is master. `announced`: wait for Sentinel's answer. */
  readonly failover: 'promoted' | 'announced';
  /** While fewer than a majority of the known Sentinels answers: go on serving (and say so), or refuse. */
  readonly onSentinelLoss: 'serve' | 'refuse';
  /** How to speak to its servers. The credentials are for asking one for its ROLE, and go nowhere else. */
  readonly redis: ServerAccess;
}

/** One place where clients of a database connect. */
export interface ListenerConfig {
  readonly address: ListenAddress;
  /** The networks whose clients may connect, such as `10.0.0.0/8`. Empty: every client may. */
  readonly allow: readonly string[];
  /** Whether a client may replicate from the master; otherwise it is refused as soon as it begins to. */
  readonly allowReplication: boolean;
  /** Permissions of a unix socket's file; `undefined` leaves them to the umask. */
  readonly mode: number | undefined;
  /** Owner of a unix socket's file, `user`, `user:group` or `:group`; `undefined` for the user of the tunnel. */
  readonly owner: string | undefined;
  /** Clients speak TLS; plain without it. */
  readonly tls?: ServerTls;
}

export interface AdminConfig {
  readonly listen: ListenAddress;
  /** Whether nothing says where it listens: the next free port is taken then where the usual one is not free. */
  readonly isUsual: boolean;
  /** Who has it may see everything and act; `undefined`: everybody who can connect may see, nobody may act. */
  readonly token: Secret | undefined;
  /** Names under which it is reached, besides those of loopback and its own address. */
  readonly hosts: readonly string[];
}

export interface LogConfig {
  readonly level: LogLevel;
  /** `auto`: pretty on a terminal, JSON otherwise. */
  readonly format: 'auto' | 'json' | 'pretty';
  /** A path, or `-` for standard output. */
  readonly file: string;
}
