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
import { Degradation } from './degradation.ts';
import { FailoverCounts, type FailoverCountsView } from './failover-counts.ts';
import { Outage, type OutageSource } from './outage.ts';
import { Repeats } from './repeats.ts';
import { Storyteller, storySentence, type FailoverStory } from './story.ts';

/** A story that lacks only its last details is closed after this, in milliseconds. */
const epilogueMs = 3_000;
const maxStories = 100;

/** What happens to one tunnel, told to the log line by line and kept as stories of its failovers. It decides nothing. */
export class Chronicle {
  readonly #database: string;
  readonly #log: Log;
  readonly #storyteller: Storyteller;
  readonly #degradation: Degradation;
  readonly #outage: Outage;
  readonly #repeats: Repeats;
  readonly #stories: FailoverStory[] = [];
  readonly #counts = new FailoverCounts();
  #view: MasterView | undefined;
  #since = new Date().toISOString();
  #epilogue: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(database: string, log: Log, source: OutageSource) {
    this.#database = database;
    this.#log = log;
    this.#storyteller = new Storyteller(database, () => performance.now());
    this.#degradation = new Degradation(database, log);
    this.#outage = new Outage(database, log, source);
    this.#outage.notServing('no Sentinel has been heard yet');
    this.#repeats = new Repeats(log);
  }

  /** The failovers that are over, oldest first; the last hundred. */
  stories(): readonly FailoverStory[] {
    return this.#stories;
  }

  /** What has been counted of all failovers that are over. */
  counts(): FailoverCountsView {
    return this.#counts.view();
  }

  /** Since when the phase is what it is: wall clock, ISO 8601. */
  since(): string {
    return this.#since;
  }

  /** Tells a story that lacks only its last details; one that has not come to an end is none. What is heard later is let go. */
  close(): void {
    clearTimeout(this.#epilogue);
    if (this.#view?.phase.kind === 'serving') this.#endStory();
    this.#degradation.close();
    this.#outage.close();
    this.#repeats.close();
    this.#isClosed = true;
  }

  /**
   * Records a new view, before the events of the engine that acted upon it: a story has to be open for them.
   *
   * @param counters those before the engine acted; the present ones unless given
   */
  turned(view: MasterView, before: MasterView, counters?: TunnelCounters): void {
    if (this.#isClosed) return;
    this.#view = view;
    if (view.phase.kind !== before.phase.kind || view.generation !== before.generation)
      this.#since = new Date().toISOString();
    // Clients that the engine has cut or released by now count as well.
    if (view.phase.kind === 'serving') this.#outage.sample(counters);
    else this.#outage.notServing(view.phase.reason, counters);
    this.#tellStory(view, before);
  }

  watched(event: WatchEvent): void {
    if (this.#isClosed) return;
    switch (event.kind) {
      case 'view':
        if (isConfirmed(event.view)) this.#degradation.seen(event.view.degraded);
        this.#logView(event.view, event.before);
        if (event.view.phase.kind === 'serving') this.#outage.serving();
        this.#logStrangers(event.view, event.before);
        this.#endStoryIfWhole();
        return;
      case 'announced': {
        const { sentinel, announcement } = event;
        const { channel, payload } = announcement;
        this.#storyteller.said(sentinel, sayAnnouncement(announcement));
        this.#log.debug('sentinel.announced', { database: this.#database, sentinel, channel, payload });
        return;
      }
      case 'answered':
        this.#storyteller.said(event.sentinel, sayAnswer(event.answer));
        return;
      case 'probed': {
        const { endpoint, role } = event;
        const who = formatEndpoint(endpoint);
        const phase = this.#view?.phase;
        this.#storyteller.said(
          who,
          'why' in role
            ? `${role.kind}: ${role.why}`
            : `says it is ${role.kind === 'active-replica' ? 'an' : 'a'} ${role.kind}`,
        );
        const isAwaited =
          phase?.kind === 'fenced' && phase.candidate && sameEndpoint(phase.candidate, endpoint);
        if (isAwaited && role.kind === 'master')
          this.#storyteller.reached('promotedMs', `${who} has been promoted`);
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
        this.#storyteller.steered(event.cut, event.held, event.released);
        return;
      case 'first-byte':
        if (event.generation !== this.#view?.generation) return;
        this.#storyteller.reached('firstByteMs', 'first byte to a client');
        this.#endStoryIfWhole();
        return;
      case 'dial-failed': {
        const endpoint = formatEndpoint(event.endpoint);
        const { code, count } = event;
        if (isOwnShortage(code)) {
          const reason = errnoWords(code);
          if (this.#repeats.warn('dial.short', { database, endpoint, reason, code }, count))
            this.#storyteller.said('the tunnel', `cannot dial ${endpoint}: ${reason}`);
        } else if (this.#repeats.warn('dial.failed', { database, endpoint, code }, count))
          this.#storyteller.said(endpoint, `dial failed: ${code}`);
        return;
      }
      case 'suspect-reply': {
        const endpoint = formatEndpoint(event.endpoint);
        if (this.#repeats.warn('reply.doubtful', { database, endpoint, word: event.word }))
          this.#storyteller.said(endpoint, `answered -${event.word} to a client`);
        return;
      }
      case 'dropped':
        this.#storyteller.said(formatEndpoint(event.endpoint), 'ended a connection by itself');
        return;
      case 'refused':
        this.#repeats.warn('session.refused', { database, reason: event.reason }, event.count);
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
        return; // answers, to whoever gave the command
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

  #tellStory(view: MasterView, before: MasterView): void {
    if (isSamePhase(view, before)) return;
    const teller = this.#storyteller;
    const { phase, generation } = view;
    const wasServing = before.phase.kind === 'serving' ? formatEndpoint(before.phase.endpoint) : undefined;
    const isNewGeneration = generation !== before.generation;
    if (wasServing !== undefined && (phase.kind !== 'serving' || isNewGeneration)) {
      teller.left(wasServing, phase.kind === 'serving' ? 'the master moved' : phase.reason);
      clearTimeout(this.#epilogue);
      this.#epilogue = undefined;
    }
    if (phase.kind === 'fenced') teller.reached('fencedMs', `fenced: ${phase.reason}`);
    else if (phase.kind !== 'serving') teller.said('tunnel', `${phase.kind}: ${phase.reason}`);
    else {
      const endpoint = formatEndpoint(phase.endpoint);
      teller.heading(endpoint, generation);
      teller.reached('servedMs', `serving ${endpoint}`);
      if (phase.standing === 'confirmed') teller.reached('confirmedMs', `${endpoint} confirmed`);
    }
  }

  /** A story is whole when a confirmed master has sent a byte and every Sentinel agrees, or nothing more has come for a while. */
  #endStoryIfWhole(): void {
    const reached = this.#storyteller.milestones;
    if (reached?.confirmedMs === undefined || this.#view?.phase.kind !== 'serving') return;
    const { agreeing, answering } = this.#view.sentinels;
    if (reached.firstByteMs !== undefined && agreeing === answering) this.#endStory();
    else {
      this.#epilogue ??= setTimeout(() => {
        this.#endStory();
      }, epilogueMs);
    }
  }

  #endStory(): void {
    clearTimeout(this.#epilogue);
    this.#epilogue = undefined;
    const story = this.#storyteller.end();
    if (!story) return;
    this.#stories.push(story);
    this.#counts.told(story);
    if (this.#stories.length > maxStories) this.#stories.shift();
    this.#log.info('failover.story', {
      ...story,
      story: storySentence(story),
      lines: story.lines.map(({ ms, who, what }) => `${String(ms)} ms ${who} ${what}`),
    });
  }
}

/** Only then does it say anything about soundness. */
function isConfirmed({ phase }: MasterView): boolean {
  return phase.kind === 'serving' && phase.standing === 'confirmed';
}

function isSamePhase(view: MasterView, before: MasterView): boolean {
  return view.generation === before.generation && JSON.stringify(view.phase) === JSON.stringify(before.phase);
}

/** Channels whose payload says of which server they are: that one is worth a place in the line. */
const ofServers = new Set(['+sdown', '-sdown', '+reboot', '+convert-to-slave', '+promoted-slave']);

function sayAnnouncement({ channel, payload }: Announcement): string {
  const [type = '', , host = '', port = ''] = payload.split(' ');
  return ofServers.has(channel) ? `${channel} ${type} ${host}:${port}` : channel;
}

function sayAnswer(answer: Answer): string {
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
