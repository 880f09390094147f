import { errnoWords, isOwnShortage } from '../net/errno.ts';
import { unreachable } from '../lifecycle/unreachable.ts';
import { formatEndpoint, formatListenAddress, sameEndpoint, type Endpoint } from '../net/endpoint.ts';
import type { TunnelCounters, TunnelEvent } from '../relay/core/engine.ts';
import type { Login } from '../redis/connection.ts';
import type { MasterView } from '../sentinel/decision/view.ts';
import type { WatchEvent } from '../sentinel/watch.ts';
import type { Announcement } from '../sentinel/links/announcement.ts';
import type { Answer } from '../sentinel/links/answer.ts';
import type { Log } from '../telemetry/log.ts';
import { DegradationLog, OutageLog, type OutageSource } from './health.ts';
import { recordSentence, type FailoverRecord } from './failover-record.ts';
import { FailoverRecorder, type FailoverCountsView } from './failover-recorder.ts';
import { RepeatLimit } from '../telemetry/repeat-limit.ts';

/** How long after the confirmation a record waits for the first byte and for every Sentinel to agree, in milliseconds. */
const epilogueMs = 3_000;

/** Logs what happens to one tunnel, and records its failovers. Decides nothing. */
export class TunnelReporter {
  readonly #database: string;
  readonly #log: Log;
  readonly #recorder: FailoverRecorder;
  readonly #degradation: DegradationLog;
  readonly #outage: OutageLog;
  readonly #repeatLimit: RepeatLimit;
  #view: MasterView | undefined;
  #since = new Date().toISOString();
  #epilogue: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(database: string, log: Log, source: OutageSource) {
    this.#database = database;
    this.#log = log;
    this.#recorder = new FailoverRecorder(database, () => performance.now());
    this.#degradation = new DegradationLog(database, log);
    this.#outage = new OutageLog(database, log, source);
    this.#outage.notServing('no Sentinel has answered yet');
    this.#repeatLimit = new RepeatLimit(log);
  }

  /** The last 100 failovers that are over, oldest first. */
  records(): readonly FailoverRecord[] {
    return this.#recorder.records;
  }

  /** Counters over all failovers that are over. */
  counts(): FailoverCountsView {
    return this.#recorder.counts();
  }

  /** When the present phase began: wall clock, ISO 8601. */
  since(): string {
    return this.#since;
  }

  /** Ends the record of a failover that already led to a served master, and drops any other. Ignores what comes later. Idempotent. */
  close(): void {
    clearTimeout(this.#epilogue);
    if (this.#view?.phase.kind === 'serving') this.#endRecord();
    this.#degradation.close();
    this.#outage.close();
    this.#repeatLimit.close();
    this.#isClosed = true;
  }

  /**
   * Records a new view. Call it before the engine's events for that view, so that a record is open for them.
   *
   * @param counters the counters before the engine acted; by default the present ones
   */
  viewChanged(view: MasterView, before: MasterView, counters?: TunnelCounters): void {
    if (this.#isClosed) return;
    this.#view = view;
    if (view.phase.kind !== before.phase.kind || view.generation !== before.generation)
      this.#since = new Date().toISOString();
    // Clients that the engine has cut or released by now count as well.
    if (view.phase.kind === 'serving') this.#outage.sample(counters);
    else this.#outage.notServing(view.phase.reason, counters);
    this.#recordView(view, before);
  }

  watched(event: WatchEvent): void {
    if (this.#isClosed) return;
    switch (event.kind) {
      case 'view':
        if (isConfirmed(event.view)) this.#degradation.update(event.view.degraded);
        this.#logView(event.view, event.before);
        if (event.view.phase.kind === 'serving') this.#outage.serving();
        this.#logStrangers(event.view, event.before);
        this.#endIfComplete();
        return;
      case 'announced': {
        const { sentinel, announcement } = event;
        const { channel, payload } = announcement;
        this.#recorder.add(sentinel, announcementText(announcement));
        this.#log.debug('sentinel.announced', { database: this.#database, sentinel, channel, payload });
        return;
      }
      case 'answered':
        this.#recorder.add(event.sentinel, answerText(event.answer));
        return;
      case 'probed': {
        const { endpoint, role } = event;
        const server = formatEndpoint(endpoint);
        const phase = this.#view?.phase;
        this.#recorder.add(
          server,
          'why' in role
            ? `${role.kind}: ${role.why}`
            : `says it is ${role.kind === 'active-replica' ? 'an' : 'a'} ${role.kind}`,
        );
        const isCandidate =
          phase?.kind === 'fenced' && phase.candidate && sameEndpoint(phase.candidate, endpoint);
        if (isCandidate && role.kind === 'master')
          this.#recorder.reached('promotedMs', `${server} has been promoted`);
        return;
      }
      case 'logged-in':
        this.#logIn(event.endpoint, event.login);
        return;
      default:
        unreachable(event);
    }
  }

  relayed(event: TunnelEvent): void {
    if (this.#isClosed) return;
    const database = this.#database;
    switch (event.kind) {
      case 'steered':
        this.#recorder.steered(event.cut, event.held, event.released);
        return;
      case 'first-byte':
        if (event.generation !== this.#view?.generation) return;
        this.#recorder.reached('firstByteMs', 'first byte to a client');
        this.#endIfComplete();
        return;
      case 'dial-failed': {
        const endpoint = formatEndpoint(event.endpoint);
        const { code, count } = event;
        if (isOwnShortage(code)) {
          const reason = errnoWords(code);
          if (this.#repeatLimit.note('warn', 'dial.short', { database, endpoint, reason, code }, count))
            this.#recorder.add('tunnel', `cannot dial ${endpoint}: ${reason}`);
        } else if (this.#repeatLimit.note('warn', 'dial.failed', { database, endpoint, code }, count))
          this.#recorder.add(endpoint, `dial failed: ${code}`);
        return;
      }
      case 'suspect-reply': {
        const endpoint = formatEndpoint(event.endpoint);
        if (this.#repeatLimit.note('warn', 'reply.doubtful', { database, endpoint, word: event.word }))
          this.#recorder.add(endpoint, `answered -${event.word} to a client`);
        return;
      }
      case 'dropped':
        this.#recorder.add(formatEndpoint(event.endpoint), 'ended a connection by itself');
        return;
      case 'refused':
        this.#repeatLimit.note('warn', 'session.refused', { database, reason: event.reason }, event.count);
        return;
      case 'accept-paused':
        this.#log.error('listener.paused', {
          database,
          address: formatListenAddress(event.address),
          code: event.code,
        });
        return;
      case 'accept-resumed':
        this.#log.info('listener.resumed', { database, address: formatListenAddress(event.address) });
        return;
      case 'frozen':
      case 'evicted':
      case 'drained':
      case 'closed':
        return; // replies to a command
      case 'session-opened':
        this.#log.debug('session.opened', { database, session: event.session, generation: event.generation });
        return;
      case 'session-ended': {
        const { session, reason, upstreamBytes, downstreamBytes, lastedMs } = event;
        this.#log.debug('session.ended', {
          ...{ database, session, reason, upstreamBytes, downstreamBytes },
          lastedMs: Math.round(lastedMs),
        });
        return;
      }
      default:
        unreachable(event);
    }
  }

  #logStrangers({ strangers }: MasterView, before: MasterView): void {
    for (const { sentinel, id, names } of strangers) {
      if (before.strangers.some((each) => each.sentinel === sentinel && each.id === id)) continue;
      const fields = { database: this.#database, sentinel, id, names: formatEndpoint(names) };
      this.#log.warn('sentinel.stranger', fields);
    }
  }

  #logIn(endpoint: Endpoint, login: Login): void {
    const database = this.#database;
    const server = formatEndpoint(endpoint);
    if (login.kind === 'needless') this.#log.warn('password.needless', { server, database });
    if (login.kind !== 'refused') return;
    this.#log.warn('redis.denied', { database, endpoint: server, reason: login.why, code: 'ST_REDIS_AUTH' });
  }

  #logView(view: MasterView, before: MasterView): void {
    const database = this.#database;
    const { phase, generation, epoch } = view;
    if (isSamePhase(view, before)) return;
    switch (phase.kind) {
      case 'serving': {
        const { standing } = phase;
        const endpoint = formatEndpoint(phase.endpoint);
        const isConfirmation = before.phase.kind === 'serving' && before.generation === generation;
        const event = isConfirmation ? 'master.confirmed' : 'master.serving';
        this.#log.info(event, { database, endpoint, generation, epoch, standing });
        return;
      }
      case 'fenced':
        this.#log.warn('master.fenced', { database, generation, reason: phase.reason });
        return;
      case 'forbidden':
        this.#log.warn('master.forbidden', { database, generation, reason: phase.reason });
        return;
      case 'lost':
        this.#log.warn('master.lost', { database, generation, reason: phase.reason });
        return;
      case 'unknown':
        if (phase.isMissing) {
          const remedy = phase.isNameUnknown
            ? '"sentinel-tunnel check" lists the names that they monitor'
            : '"sentinel-tunnel doctor" looks for the cause';
          this.#log.warn('master.missing', { database, reason: phase.reason, remedy });
        } else this.#log.info('master.unknown', { database, reason: phase.reason });
        return;
      default:
        unreachable(phase);
    }
  }

  #recordView(view: MasterView, before: MasterView): void {
    if (isSamePhase(view, before)) return;
    const recorder = this.#recorder;
    const { phase, generation } = view;
    const wasServing = before.phase.kind === 'serving' ? formatEndpoint(before.phase.endpoint) : undefined;
    const isNewGeneration = generation !== before.generation;
    if (wasServing !== undefined && (phase.kind !== 'serving' || isNewGeneration)) {
      recorder.begin(wasServing, phase.kind === 'serving' ? 'the master moved' : phase.reason);
      clearTimeout(this.#epilogue);
      this.#epilogue = undefined;
    }
    if (phase.kind === 'fenced') recorder.reached('fencedMs', `fenced: ${phase.reason}`);
    else if (phase.kind !== 'serving') recorder.add('tunnel', `${phase.kind}: ${phase.reason}`);
    else {
      const endpoint = formatEndpoint(phase.endpoint);
      recorder.setMaster(endpoint, generation);
      recorder.reached('servedMs', `serving ${endpoint}`);
      if (phase.standing === 'confirmed') recorder.reached('confirmedMs', `${endpoint} confirmed`);
    }
  }

  /** A record is complete when the confirmed master has sent a byte and every Sentinel agrees, or 3 s later. */
  #endIfComplete(): void {
    const reached = this.#recorder.milestones;
    if (reached?.confirmedMs === undefined || this.#view?.phase.kind !== 'serving') return;
    const { agreeing, answering } = this.#view.sentinels;
    if (reached.firstByteMs !== undefined && agreeing === answering) this.#endRecord();
    else {
      this.#epilogue ??= setTimeout(() => {
        this.#endRecord();
      }, epilogueMs);
    }
  }

  #endRecord(): void {
    clearTimeout(this.#epilogue);
    this.#epilogue = undefined;
    const record = this.#recorder.end();
    if (!record) return;
    this.#log.info('failover.story', {
      ...record,
      story: recordSentence(record),
      lines: record.lines.map(({ ms, who, what }) => `${String(ms)} ms ${who} ${what}`),
    });
  }
}

/** Only a confirmed view says whether the master is degraded. */
function isConfirmed({ phase }: MasterView): boolean {
  return phase.kind === 'serving' && phase.standing === 'confirmed';
}

function isSamePhase(view: MasterView, before: MasterView): boolean {
  return view.generation === before.generation && JSON.stringify(view.phase) === JSON.stringify(before.phase);
}

/** Channels whose payload names a server; the line shows which one. */
const serverChannels = new Set(['+sdown', '-sdown', '+reboot', '+convert-to-slave', '+promoted-slave']);

function announcementText({ channel, payload }: Announcement): string {
  const [type = '', , host = '', port = ''] = payload.split(' ');
  return serverChannels.has(channel) ? `${channel} ${type} ${host}:${port}` : channel;
}

function answerText(answer: Answer): string {
  switch (answer.kind) {
    case 'address':
      return `answers ${formatEndpoint(answer.endpoint)}, epoch ${String(answer.epoch ?? 'unknown')}`;
    case 'unknown':
      return 'does not monitor this master';
    case 'error':
    case 'unreachable':
      return answer.text;
    default:
      return unreachable(answer);
  }
}
