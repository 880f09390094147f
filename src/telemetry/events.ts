/**
 * Every event that is ever logged. The names are an interface: `docs/events.md` lists them and a test compares.
 * The sentence is for people and is made by the pretty printer from the event's fields (`{field}`).
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
    'The main thread was silent for more than a second, and nobody heard the Sentinels: nothing was relayed until they had been asked, for {askedMs} ms',
  'engine.failed': 'A relay thread has ended by a defect, and this process with it: {reason}',
  'engine.epoll': 'Using engine "epoll": {reason}',
  'engine.fallback': 'Using engine "streams": {reason}',
  'descriptors.few':
    'At most {connections|connection}, not the {configured} of maxConnections: of {limit} file descriptors of this process {reserved} are kept for Sentinels, probes, operators and the log, and a connection takes two. Raise the limit (LimitNOFILE, ulimit -n), or lower maxConnections',
  'engine.secured': '{database}: carried by engine "streams", because it speaks TLS',
  'config.reloaded': 'Configuration reloaded, changes: {changes}',
  'config.reload-failed': 'Configuration not reloaded, going on as before: {reason}',
  'socket.unused':
    'Descriptor {fd} ({name}) was handed over listening on {address}, and no listener is configured for it: closed',
  'systemd.notify-failed': 'Cannot tell systemd how the service does: {reason}',
  'log.reopened': 'Log opened anew on {signal}',
  'log.reopen-failed': 'Cannot open the log anew on {signal}, going on with the old one: {reason}',
  // the admin listener
  'admin.opened': 'Probes, metrics and operators are answered on {address}',
  'admin.failed': 'Cannot answer probes, metrics and operators on {address}: {reason}; trying again',
  'admin.moved':
    'Another program listens on {usual}, the usual address of the admin listener, as redis_exporter does: it is on {address}; "admin.listen" chooses one',
  'admin.acted': '{who} asks for {action}',
  'admin.follower-dropped': 'Cut off a follower of the events at {who}, who reads too slowly',
  'admin.crowded':
    'Admin listener: closed connections that had not shown a token, to make room for others: {count}',
  'admin.defect': 'A request for {path} has met a defect: {reason}',
  // listeners and sessions
  'listener.opened': '{database}: listening on {address}',
  'listener.exposed':
    '{database}: whoever reaches {address} may connect; say "allow" in that listener, or listen on loopback',
  'listener.closed': '{database}: no longer listening on {address}',
  'listener.failed': '{database}: cannot listen on {address}: {reason}',
  'listener.paused': '{database}: cannot accept on {address} ({code}); trying again shortly',
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
  'sentinel.twin': 'Sentinel {sentinel} is the same as {same}: the two have one vote',
  'sentinel.shared':
    'Several Sentinels answer at {sentinel}, as behind a load balancer: each is listened to at its own address',
  'sentinel.unread': 'Sentinel {sentinel} does not say which Sentinels and replicas it knows: {reason}',
  'sentinel.stranger':
    '{database}: ignoring Sentinel {sentinel}: no other Sentinel knows its run id {id}, and it names another master, {names}; it may belong to another deployment',
  'sentinel.announced': '{sentinel} announced {channel} {payload}',
  // one master
  'master.unknown': '{database}: no master known: {reason}',
  'master.missing': '{database}: no master: {reason}; {remedy}',
  'log.limited': 'Events "{kind}" that came too fast for the log: {count}',
  'log.dropped': 'Dropped {count|log line}: {reason}',
  'master.serving': '{database}: serving {endpoint}, generation {generation} ({standing})',
  'master.fenced': '{database}: fenced, generation {generation}: {reason}',
  'master.lost': '{database}: no usable master: {reason}',
  'master.forbidden': '{database}: refusing clients: {reason}',
  'master.confirmed': '{database}: {endpoint} confirmed by Sentinel, epoch {epoch}',
  'master.degraded': '{database}: serving, but {reasons}',
  'master.sound': '{database}: no longer degraded',
  'redis.denied':
    '{database}: {endpoint} refuses the credentials of "redis" ({reason}), its role cannot be verified',
  'database.outage':
    '{database}: OUTAGE: no new client served for {lastedMs} ms: {reason}; refused: {refused}, cut: {cut}, waiting: {held}',
  'database.outage-over':
    '{database}: outage is over after {lastedMs} ms; refused: {refused}, cut: {cut}, most waiting at once: {held}',
  'database.held': '{database}: an operator lets new clients wait until {until}: {reason}',
  'database.released': '{database}: new clients are no longer held: {why}',
  'database.cut': '{database}: an operator cut sessions: {count}',
  'failover.ordered': '{database}: {sentinel} begins a failover, for an operator',
  'failover.refused': '{database}: failover refused: {reason}',
  'failover.story': '{database}: {story}',
} as const;

export type EventName = keyof typeof eventSentences;
export const eventNames = Object.keys(eventSentences) as readonly EventName[];
