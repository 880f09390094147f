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
  /** What is worth a person's look and keeps nothing from working, such as a password that everybody may read. */
  readonly warnings: readonly string[];
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

export interface DatabaseConfig {
  /** The master name in Sentinel. Case matters; any printable text (Redis Enterprise has `db1@internal`). */
  readonly name: string;
  /** At least one. */
  readonly listen: readonly ListenerConfig[];
  /** `promoted`: fence at the leader's first word and serve the replica once it says it is master. `announced`: wait for Sentinel's answer. */
  readonly failover: 'promoted' | 'announced';
  /** While fewer than a majority of the known Sentinels answers: go on serving (and say so), or refuse. */
  readonly onSentinelLoss: 'serve' | 'refuse';
  readonly holdMs: number;
  readonly holdMax: number;
  readonly dialMs: number;
  readonly maxConnections: number;
  /** A connection on which no byte has moved for so long is closed, in milliseconds; 0 for never. */
  readonly idleMs: number;
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
  /** Owner of a unix socket's file, `user`, `user:group` or `:group`; `undefined` for whoever runs the tunnel. */
  readonly owner: string | undefined;
  /** Clients speak TLS; plain without it. */
  readonly tls?: ServerTls;
}

export interface AdminConfig {
  readonly listen: ListenAddress;
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
