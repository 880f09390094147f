import type { DatabaseConfig, ListenerConfig } from '../../src/config/types.ts';

/** A listener on loopback, at a port of one's own where none is given. */
export function listenerAt(port = 0, changes: Partial<ListenerConfig> = {}): ListenerConfig {
  return {
    address: { kind: 'tcp', host: '127.0.0.1', port },
    allow: [],
    allowReplication: false,
    mode: undefined,
    owner: undefined,
    ...changes,
  };
}

/** A database with one listener. */
export function databaseOf(name: string, changes: Partial<DatabaseConfig> = {}): DatabaseConfig {
  return {
    name,
    listen: [listenerAt()],
    failover: 'promoted',
    onSentinelLoss: 'serve',
    holdMs: 10_000,
    holdMax: 100,
    dialMs: 1_500,
    maxConnections: 100,
    idleMs: 0,
    redis: {},
    ...changes,
  };
}
