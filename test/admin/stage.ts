import { History } from '../../src/admin/history.ts';
import { AdminServer } from '../../src/admin/server.ts';
import { Page } from '../../src/admin/page.ts';
import type { Actions, AdminCallbacks, Overview, Readings } from '../../src/admin/callbacks.ts';
import { TunnelError } from '../../src/errors.ts';
import type { AdminConfig } from '../../src/config/types.ts';
import type { MasterView, Phase } from '../../src/sentinel/decision/view.ts';
import type { EventName } from '../../src/telemetry/events.ts';
import { EventFeed } from '../../src/telemetry/feed.ts';
import { silentLog, type Fields, type Log } from '../../src/telemetry/log.ts';
import type { FailoverRecord } from '../../src/tunnel/failover-record.ts';
import { FailoverRecorder } from '../../src/tunnel/failover-recorder.ts';
import type { TunnelView } from '../../src/tunnel/tunnel-view.ts';
import { Lag } from '../../src/telemetry/lag.ts';
import { eventually } from '../support/index.ts';

export const token = 'a-token-of-the-tests';

export const serving: Phase = {
  kind: 'serving',
  endpoint: { host: '127.0.0.1', port: 7001 },
  standing: 'confirmed',
};

function viewWith(phase: Phase, more: Partial<MasterView> = {}): MasterView {
  return {
    name: 'mymaster',
    generation: 1,
    phase,
    epoch: 3,
    sentinels: { known: 3, answering: 3, agreeing: 3 },
    dissenting: [],
    strangers: [],
    degraded: [],
    ...more,
  };
}

export function tunnelWith(
  phase: Phase,
  more: Partial<TunnelView> = {},
  moreOfView: Partial<MasterView> = {},
): TunnelView {
  const address = { kind: 'tcp', host: '127.0.0.1', port: 6379 } as const;
  return {
    name: 'mymaster',
    listeners: [{ address, isOpen: true, trouble: undefined }],
    view: viewWith(phase, moreOfView),
    absent: [],
    replicas: [],
    since: '2026-01-31T12:00:00.000Z',
    counters: undefined,
    durations: undefined,
    failovers: new FailoverRecorder('mymaster', () => 0).counts(),
    hold: undefined,
    lastRecord: undefined,
    ...more,
  };
}

export function overviewOf(tunnels: readonly TunnelView[], more: Partial<Overview> = {}): Overview {
  return {
    version: '1.2.3',
    engine: 'streams',
    threads: 0,
    lags: [{ loop: 'main', lag: new Lag().view() }],
    isDraining: false,
    startedAt: '2026-01-31T11:00:00.000Z',
    uptimeMs: 3_600_000,
    configFile: '/etc/sentinel-tunnel.yaml',
    descriptors: undefined,
    logTrouble: undefined,
    logDropped: 0,
    drainUntil: undefined,
    tunnels,
    sentinels: [],
    lastEventId: 'run.0',
    ...more,
  };
}

/** A daemon that is whatever a test says. */
export class FakeDaemon implements AdminCallbacks {
  readonly feed = new EventFeed();
  /** Feeds the feed, and remembers. */
  readonly log: Log;
  readonly logged: { readonly event: EventName; readonly fields: Fields }[] = [];
  shown = overviewOf([tunnelWith(serving)]);
  failovers: readonly FailoverRecord[] = [];
  silent: readonly string[] = [];
  reload: AdminCallbacks['reload'] = undefined;
  readonly acted: string[] = [];
  readonly actions: Actions = {
    hold: (name, ms) => {
      this.acted.push(`hold ${name} ${ms}`);
      return { since: 'then', until: 'later', reason: 'held by an operator', holdMs: 10_000 };
    },
    release: (name) => this.acted.push(`release ${name}`) > 0,
    cut: (name) => Promise.resolve(this.acted.push(`cut ${name}`)),
    graceful: (name, { finishMs, maxLagWaitMs }) => {
      this.acted.push(`graceful ${name} ${finishMs} ${maxLagWaitMs}`);
      return Promise.reject(new TunnelError('ST_FAILOVER_FAILED', 'It did not work'));
    },
    failover: (name) => {
      this.acted.push(`failover ${name}`);
      return Promise.reject(
        new TunnelError('ST_SENTINEL_REPLY_ERROR', 'INPROG Failover already in progress'),
      );
    },
  };

  constructor() {
    const note = (event: EventName, fields: Fields = {}): void => {
      this.logged.push({ event, fields });
    };
    this.log = this.feed.tee({ ...silentLog, info: note, warn: note, error: note });
  }

  overview(): Overview {
    return this.shown;
  }

  readings(): Readings {
    const { uptimeMs, tunnels } = this.shown;
    const databases = tunnels.map(({ name, view, since, counters }) => ({
      ...{ name, since, counters },
      isServing: view.phase.kind === 'serving',
    }));
    return { uptimeMs, databases };
  }

  records(): readonly FailoverRecord[] {
    return this.failovers;
  }

  alive(): Promise<readonly string[]> {
    return Promise.resolve(this.silent);
  }
}

/** A real admin listener in front of a fake daemon. */
export class Stage implements AsyncDisposable {
  readonly daemon: FakeDaemon;
  readonly server: AdminServer;
  readonly history: History;

  static async open(config: Partial<AdminConfig> = {}, daemon = new FakeDaemon()): Promise<Stage> {
    const stage = new Stage(config, daemon);
    await eventually(() => stage.server.listening);
    return stage;
  }

  constructor(config: Partial<AdminConfig>, daemon = new FakeDaemon()) {
    this.daemon = daemon;
    const page = new Page(
      new Map([['index.html', new TextEncoder().encode('<!doctype html><title>page</title>')]]),
    );
    const listen = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;
    this.history = new History(() => daemon.readings());
    const given = { listen, isUsual: false, token: undefined, hosts: [], ...config };
    this.server = new AdminServer(given, daemon, this.history, page, daemon.log);
  }

  /** Where to ask: a port, or the path of a socket. */
  get where(): number | string {
    const { listening } = this.server;
    if (!listening) throw new Error('It does not listen');
    return listening.kind === 'tcp' ? listening.port : listening.path;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.server.close();
  }
}
