import { parseConfig } from './config/parse.ts';
import { startDaemon, type Daemon } from './daemon.ts';
import { silentLog, type Log } from './telemetry/log.ts';

export type { Config, DatabaseConfig, ListenerConfig } from './config/types.ts';
export type { Daemon, StopOutcome } from './daemon.ts';
export { errorCodes, TunnelError, type ErrorCode } from './errors.ts';
export type { Credentials, Secret } from './net/secret.ts';
export type { Access, ClientTls } from './net/tls.ts';
export type { Endpoint, ListenAddress } from './net/endpoint.ts';
export type { TunnelCounters } from './relay/core/engine.ts';
export type { MasterView, Phase } from './sentinel/decision/view.ts';
export type { EventName } from './telemetry/events.ts';
export type { Fields, Log } from './telemetry/log.ts';
export type { FailoverRecord as FailoverStory, RecordLine as StoryLine } from './tunnel/failover-record.ts';

/**
 * Starts tunnels inside this process.
 *
 * @param configuration what a configuration file holds, as an object: `{ sentinels: [...], databases: [...] }`
 * @param log where events go; nowhere by default
 * @returns the running daemon; `stop()` it
 * @throws TunnelError `ST_CONFIG_INVALID` with every problem named, or `ST_LISTEN_FAILED`
 * @example
 *     const daemon = await start({
 *       sentinels: ['127.0.0.1:26379'],
 *       databases: [{ name: 'mymaster', listen: 6380 }],
 *     });
 *     // … connect any Redis client to 127.0.0.1:6380 …
 *     await daemon.stop('done');
 */
export async function start(configuration: unknown, log: Log = silentLog): Promise<Daemon> {
  return startDaemon(parseConfig(configuration, 'configuration'), log);
}
