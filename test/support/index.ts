/** What a scenario needs: real servers, clusters, fakes, raw clients, the built program. */
export { ask, EventStream, type AdminAddress, type Answered, type Asking } from './admin-client.ts';
export { Balancer } from './balancer.ts';
export { Certificates, type Issued, type IssueOptions } from './certificates.ts';
export { cannotBrowse, startBrowser, Tab, type Browser } from './browser.ts';
export { Child, childrenAlive, leaveEndToCaller, type Exit } from './child.ts';
export { settled, stopClock, type Clock } from './clock.ts';
export { Cluster, startCluster, type ClusterOptions, type GroupOptions } from './cluster.ts';
export { eventually, eventuallyPasses, patienceMs } from './eventually.ts';
export { FakeRedis, type FakeRedisScript } from './fake-redis.ts';
export {
  badReplies,
  FakeSentinel,
  runIdOf,
  type FakeMaster,
  type FakeSentinelScript,
} from './fake-sentinel.ts';
export { FakeServer, type Answer, type FakeConnection } from './fake-server.ts';
export { freePort } from './free-port.ts';
export { cannotFreezeDisks, FrozenDisk } from './frozen-disk.ts';
export { FullBacklog } from './full-backlog.ts';
export { awaitFormed, failoverMs, Group, isReplyError, pairs, rows } from './group.ts';
export { cannotNameHosts, HostsFile } from './hosts-file.ts';
export { withoutLeaks } from './leaks.ts';
export { cannotMakeNamespaces, Network, type Namespace } from './netns.ts';
export { cannotServeNames, NameServer } from './name-server.ts';
export { NotifyReceiver } from './notify-receiver.ts';
export { cannotRun, phpWithRedis, pythonWithRedis, rubyWithRedis } from './peers.ts';
export { connectionsTo, descriptorsOf, endedPeers, lacksProc, residentMiB } from './proc.ts';
export { RecordedLog, type RecordedEvent } from './recorded-log.ts';
export { RedisProcess, type RedisOptions } from './redis-process.ts';
export { RespClient, type Ending } from './resp-client.ts';
export { encodeCommand, encodeReply, ReplyError, RespDecoder, type Reply } from './resp.ts';
export {
  clusterScenario,
  fakeScenario,
  scenario,
  type ClusterScenarioOptions,
  type FakeScenarioOptions,
  type ScenarioOptions,
  type ServedCluster,
  type ServedFakes,
} from './scenario.ts';
export { cannotShow, Screen } from './screen.ts';
export { SlowLink } from './slow-link.ts';
export {
  awaitServing,
  configThrough,
  serveThrough,
  startThrough,
  testEngine,
  type Source,
  type ThroughOptions,
} from './through.ts';
export { TunnelProcess, type LoggedEvent, type TunnelOptions } from './tunnel-process.ts';
export { awaitSubscribed } from './subscribed.ts';
export { cannotFillOutput, withUnreadOutput, type OutputKind } from './unread-output.ts';
export { unresolvable } from './unresolvable.ts';
export { Writer, type WriterError } from './writer.ts';
