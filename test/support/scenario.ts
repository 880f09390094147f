import { test, type TestContext, type TestOptions } from 'node:test';
import { awaitSubscribed } from './subscribed.ts';
import { startCluster, type Cluster, type ClusterOptions } from './cluster.ts';
import { FakeRedis } from './fake-redis.ts';
import type { FakeSentinelScript } from './fake-sentinel.ts';
import { withoutLeaks } from './leaks.ts';
import { serveThrough, type ThroughOptions } from './through.ts';
import { Trio } from './trio.ts';
import type { TunnelProcess } from './tunnel-process.ts';

/** Options of `node:test` that scenarios use. */
export type ScenarioOptions = Pick<TestOptions, 'skip'>;

export interface ClusterScenarioOptions extends ScenarioOptions {
  readonly cluster?: ClusterOptions;
  readonly tunnel?: ThroughOptions;
  /** Whether it begins only when the tunnel has subscribed to every Sentinel, which serves before that. */
  readonly isSubscribed?: boolean;
}

/** What stands when a scenario of a cluster begins. */
export interface ServedCluster {
  readonly cluster: Cluster;
  /** Serves the master of the cluster. */
  readonly tunnel: TunnelProcess;
}

export interface FakeScenarioOptions extends ScenarioOptions {
  /** What the second server is; a master that nobody names yet unless given. */
  readonly nextRole?: FakeRedis['role'];
  /** Under which the Sentinels name the first server; 0 unless given. */
  readonly epoch?: number;
  readonly sentinels?: FakeSentinelScript;
  readonly tunnel?: ThroughOptions;
}

/** What stands when a scenario of fakes begins. The two servers have `first` and `second` as their value of `who`. */
export interface ServedFakes {
  readonly redis: FakeRedis;
  readonly next: FakeRedis;
  readonly trio: Trio;
  /** Serves `redis`. */
  readonly tunnel: TunnelProcess;
}

type Body = (t: TestContext) => Promise<void>;
type ClusterBody = (served: ServedCluster, t: TestContext) => Promise<void>;
type FakeBody = (served: ServedFakes, t: TestContext) => Promise<void>;

/** A test of several parts together, in real processes mostly. It fails where it leaves anything behind. */
export function scenario(name: string, body: Body): void;
export function scenario(name: string, options: ScenarioOptions, body: Body): void;
export function scenario(name: string, ...rest: readonly [Body] | readonly [ScenarioOptions, Body]): void {
  const [options, body] = rest.length === 1 ? [{}, rest[0]] : rest;
  void test(name, options, async (t) => {
    await withoutLeaks(() => body(t));
  });
}

/** A scenario that begins with a cluster, and a tunnel that serves its master. Both are ended after it. */
export function clusterScenario(name: string, body: ClusterBody): void;
export function clusterScenario(name: string, options: ClusterScenarioOptions, body: ClusterBody): void;
export function clusterScenario(
  name: string,
  ...rest: readonly [ClusterBody] | readonly [ClusterScenarioOptions, ClusterBody]
): void {
  const [options, body] = rest.length === 1 ? [{}, rest[0]] : rest;
  const { cluster: clusterOptions, tunnel: tunnelOptions, isSubscribed = false, ...more } = options;
  scenario(name, more, async (t) => {
    await using cluster = await startCluster(clusterOptions);
    await using tunnel = await serveThrough(cluster, tunnelOptions);
    if (isSubscribed) await awaitSubscribed(cluster.sentinels);
    await body({ cluster, tunnel }, t);
  });
}

/** A scenario that begins with two fakes of Redis, three fake Sentinels that name the first, and a tunnel that serves it. */
export function fakeScenario(name: string, body: FakeBody): void;
export function fakeScenario(name: string, options: FakeScenarioOptions, body: FakeBody): void;
export function fakeScenario(
  name: string,
  ...rest: readonly [FakeBody] | readonly [FakeScenarioOptions, FakeBody]
): void {
  const [options, body] = rest.length === 1 ? [{}, rest[0]] : rest;
  const { nextRole = 'master', epoch = 0, sentinels = {}, tunnel: tunnelOptions, ...more } = options;
  scenario(name, more, async (t) => {
    await using redis = await FakeRedis.start();
    await using next = await FakeRedis.start({ role: nextRole });
    redis.values.set('who', 'first');
    next.values.set('who', 'second');
    await using trio = await Trio.start(redis, epoch, sentinels);
    await using tunnel = await serveThrough(trio.source, tunnelOptions);
    await body({ redis, next, trio, tunnel }, t);
  });
}
