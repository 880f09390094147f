/**
 * Every log event. The names are an interface: `docs/events.md` lists them and a test compares. The pretty printer fills the sentence
 * with the fields of the event (`{field}`).
 */
export const eventSentences = {
  // the process
  'tunnel.started': 'Sentinel Tunnel {version} started with engine {engine}, databases: {databases}',
  'tunnel.stopping':
    'Stopping on {signal}: open sessions ({sessions}) may finish within {drainMs} ms, waiting clients ({held}) are refused',
  'tunnel.stopped': 'Stopped: {outcome}',
  'config.warning': 'Configuration: {warning}',
  'tunnel.stalled': 'Process was suspended; relaying resumed after the Sentinels answered ({askedMs} ms)',
  'tunnel.unsteered':
    'Main thread was blocked for more than a second; relaying resumed after the Sentinels answered ({askedMs} ms)',
  'engine.failed': 'A relay thread crashed, so the process ends: {reason}',
  'engine.epoll': 'Using engine "epoll": {reason}',
  'engine.fallback': 'Using engine "streams": {reason}',
  'descriptors.few':
    'Accepting at most {connections|connection} instead of {configured} (maxConnections): {reserved} of {limit} file descriptors are reserved, and a connection uses two. Raise the limit (LimitNOFILE, ulimit -n) or lower maxConnections',
  'engine.secured': '{database}: using engine "streams", because it uses TLS',
  'config.reloaded': 'Configuration reloaded, changes: {changes}',
  'config.reload-failed': 'Configuration not reloaded, keeping the old one: {reason}',
  'socket.unused':
    'Closed descriptor {fd} ({name}), handed over for {address}: no listener is configured for that address',
  'systemd.notify-failed': 'Cannot notify systemd: {reason}',
  'log.reopened': 'Log reopened on {signal}',
  'log.reopen-failed': 'Cannot reopen the log on {signal}, keeping the old one: {reason}',
  // the admin listener
  'admin.opened': 'Admin listener open on {address}',
  'admin.failed': 'Admin listener cannot listen on {address}: {reason}; retrying',
  'admin.moved':
    'Admin listener is on {address}, because another program (such as redis_exporter) listens on {usual}; set "admin.listen" to choose an address',
  'admin.acted': '{who} requested {action}',
  'admin.follower-dropped': 'Disconnected event follower {who}: it reads too slowly',
  'admin.crowded': 'Admin listener closed unauthenticated connections to make room: {count}',
  'admin.defect': 'Internal error in a request for {path}: {reason}',
  // listeners and sessions
  'listener.opened': '{database}: listening on {address}',
  'listener.exposed':
    '{database}: every host that reaches {address} may connect; set "allow" for that listener or listen on loopback',
  'listener.closed': '{database}: no longer listening on {address}',
  'listener.failed': '{database}: cannot listen on {address}: {reason}',
  'listener.paused': '{database}: cannot accept on {address} ({code}); retrying',
  'listener.resumed': '{database}: accepting on {address} again',
  'session.opened': '{database}: session {session} opened',
  'session.ended': '{database}: session {session} ended by {reason} after {lastedMs} ms',
  'session.refused': '{database}: refused {count|connection}: {reason}',
  'dial.failed': '{database}: cannot connect to {endpoint} ({code}), {count|time}',
  'dial.short': '{database}: cannot connect to {endpoint}, {count|time}: {reason}',
  'reply.doubtful': '{database}: {endpoint} answered -{word} to a client',
  // Sentinels
  'sentinel.up': 'Sentinel {sentinel} answers',
  'sentinel.down': 'Sentinel {sentinel} is down: {reason}',
  'sentinel.discovered': 'Sentinel {sentinel} learnt from {from}',
  'sentinel.forgotten': 'Sentinel {sentinel} no longer known',
  'sentinel.polling-only': 'Sentinel {sentinel} refuses SUBSCRIBE ({reason}): polling only',
  'password.needless': '{server} requires no password, but one is configured',
  'sentinel.partly-heard': 'Sentinel {sentinel} refuses to subscribe to {refused}: {effect}',
  'sentinel.twin': 'Sentinel {sentinel} is the same Sentinel as {same}: the two have one vote',
  'sentinel.shared':
    'Several Sentinels answer at {sentinel}, as behind a load balancer: using the address of each one',
  'sentinel.unread': 'Sentinel {sentinel} does not list the Sentinels and replicas that it knows: {reason}',
  'sentinel.stranger':
    '{database}: ignoring Sentinel {sentinel}: no other Sentinel knows its run id {id}, and it names another master, {names}; it may belong to another deployment',
  'sentinel.announced': '{sentinel} announced {channel} {payload}',
  // one master
  'master.unknown': '{database}: no master known: {reason}',
  'master.missing': '{database}: no master: {reason}; {remedy}',
  'log.limited': 'Dropped {count} "{kind}" events: too many per second',
  'log.dropped': 'Dropped {count|log line}: {reason}',
  'master.serving': '{database}: serving {endpoint}, generation {generation} ({standing})',
  'master.fenced': '{database}: fenced, generation {generation}: {reason}',
  'master.lost': '{database}: no usable master: {reason}',
  'master.forbidden': '{database}: refusing clients: {reason}',
  'master.confirmed': '{database}: {endpoint} confirmed by Sentinel, epoch {epoch}',
  'master.degraded': '{database}: serving, but {reasons}',
  'master.sound': '{database}: no longer degraded',
  'redis.denied':
    '{database}: {endpoint} refuses the credentials of "redis" ({reason}), so its role cannot be verified',
  'database.outage':
    '{database}: OUTAGE: no new client served for {lastedMs} ms: {reason}; refused: {refused}, cut: {cut}, waiting: {held}',
  'database.outage-over':
    '{database}: outage is over after {lastedMs} ms; refused: {refused}, cut: {cut}, most waiting at once: {held}',
  'database.held': '{database}: holding new clients until {until}: {reason}',
  'database.released': '{database}: hold ended: {why}',
  'database.cut': '{database}: an operator cut sessions: {count}',
  'failover.ordered': '{database}: an operator started a failover, through Sentinel {sentinel}',
  'failover.refused': '{database}: failover refused: {reason}',
  'failover.story': '{database}: {story}',
} as const;

export type EventName = keyof typeof eventSentences;
export const eventNames = Object.keys(eventSentences) as readonly EventName[];
