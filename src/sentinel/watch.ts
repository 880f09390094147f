import { isIP } from 'node:net';
import { unreachable } from '../lifecycle/unreachable.ts';
import { formatEndpoint, sameEndpoint, type Endpoint } from '../net/endpoint.ts';
import { names } from '../net/names.ts';
import type { OwnListeners } from '../net/own-listeners.ts';
import type { ServerAccess } from '../net/tls.ts';
import type { Login } from '../redis/connection.ts';
import { RoleProbe, type ProbePace } from '../redis/probe.ts';
import type { Role } from '../redis/role.ts';
import {
  isUsable,
  newBelief,
  nextDeadline,
  type Belief,
  type BeliefEvent,
  type Roster,
  type Rules,
} from './decision/belief.ts';
import { openFence } from './decision/fence.ts';
import { step } from './decision/step.ts';
import { absentServers, viewOf, type AbsentServer, type MasterView } from './decision/view.ts';
import type { Announcement } from './links/announcement.ts';
import type { Answer } from './links/answer.ts';

/** What an operator configures for one database. */
export type WatchRules = Pick<Rules, 'name' | 'failover' | 'onSentinelLoss'> & {
  /** How to connect to its servers, to ask for their ROLE. */
  readonly redis?: ServerAccess;
};

/** What a watch reports, in the order in which it happened. */
export type WatchEvent =
  | { readonly kind: 'view'; readonly view: MasterView; readonly before: MasterView }
  /** Every announcement about this master. */
  | { readonly kind: 'announced'; readonly sentinel: string; readonly announcement: Announcement }
  /** The answer of a Sentinel has changed. */
  | { readonly kind: 'answered'; readonly sentinel: string; readonly answer: Answer }
  /** The role of a server has changed. */
  | { readonly kind: 'probed'; readonly endpoint: Endpoint; readonly role: Role }
  /** The outcome of AUTH at a server has changed. */
  | { readonly kind: 'logged-in'; readonly endpoint: Endpoint; readonly login: Login };

/** The two things that a watch is for. The callbacks must not throw. */
export interface WatchCallbacks {
  /** Acts upon a new view. Comes first: nothing is logged or recorded before it returns. */
  steer(view: MasterView): void;
  /** Records what has happened. */
  report(event: WatchEvent): void;
}

/** Looks up a host name. Calls back with its addresses, with none where it has none; must not throw. */
export type LookUp = (host: string, found: (addresses: readonly string[]) => void) => void;

/** What a watch needs of its surroundings. */
export interface WatchOptions {
  readonly access?: ServerAccess;
  /** Our own listeners, which are never probed. */
  readonly own?: OwnListeners | undefined;
  /** The monotonic clock, in milliseconds. */
  readonly now?: () => number;
  readonly lookUp?: LookUp;
  /** Queries the Sentinels now. */
  wakeSentinels(): void;
}

/** A fence without a result is lifted after this, in milliseconds. On redis 7.0 a promotion takes 0 to 100 ms from its announcement. */
const fenceMs = 5_000;
/** The leader answers with the new address about a second after the promotion, after its next INFO; in milliseconds. */
const confirmMs = 2_500;

/** The served master: often enough to notice within a second that it is silent, and cheap enough to go on for ever. */
const steadyPace: ProbePace = { everyMs: 400, masterEveryMs: 400, silentMs: 500, retryMs: 100 };
/**
 * A replica that is about to be promoted: a reply takes about 0.07 ms on loopback. Once it is master, its clients come back
 * and need the processor more.
 */
const candidatePace: ProbePace = { everyMs: 3, masterEveryMs: 50, silentMs: 500, retryMs: 3 };
/** Hints from the data plane wake the Sentinels at most this often, in milliseconds. */
const suspectEveryMs = 50;
/** How often the belief is checked for what no timer announces, such as an answer that is not fresh any more; in milliseconds. */
const checkEveryMs = 500;
/** How long a stranger may still be listed by the others, which hear of a new Sentinel within 2 s; in milliseconds. */
const newcomerMs = 15_000;
/** A host name is looked up again after this, while it is compared with another spelling; in milliseconds. */
const lookUpEveryMs = 5_000;
/** At most this many last reports are remembered. */
const maxReported = 256;

/** The probe of a server that is about to become master, under the generation of its fence. */
interface Candidate {
  readonly probe: RoleProbe;
  readonly generation: number;
  isHurried: boolean;
}

/**
 * Watches one master: holds the belief, passes every event to `step`, and keeps the probes and timers that the belief needs.
 * Only `step` decides.
 */
export class MasterWatch {
  readonly #callbacks: WatchCallbacks;
  readonly #options: WatchOptions;
  readonly #now: () => number;
  #access: ServerAccess;
  #belief: Belief;
  #view: MasterView;
  #steady: RoleProbe | undefined;
  #replicas: readonly Endpoint[] = [];
  #candidate: Candidate | undefined;
  #deadline: NodeJS.Timeout | undefined;
  readonly #check: NodeJS.Timeout;
  #suspectedMs = -Infinity;
  /** The last report of each speaker, as text. */
  readonly #reported = new Map<string, string>();
  readonly #lookedUpMs = new Map<string, number>();
  #isClosed = false;

  constructor(
    rules: Omit<Rules, 'fenceMs' | 'confirmMs'>,
    roster: Roster,
    callbacks: WatchCallbacks,
    options: WatchOptions,
  ) {
    this.#callbacks = callbacks;
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#access = options.access ?? {};
    this.#belief = newBelief({ ...rules, fenceMs, confirmMs }, roster, this.#now());
    this.#view = viewOf(this.#belief);
    this.#check = setInterval(() => {
      this.hear({ kind: 'elapsed' });
    }, checkEveryMs);
  }

  /** The port of all its servers, in place of the announced ones; `undefined` for those. */
  get serverPort(): number | undefined {
    return this.#access.port;
  }

  /** The name of the master. */
  get name(): string {
    return this.#belief.rules.name;
  }

  view(): MasterView {
    return this.#view;
  }

  /** The replicas that the master listed last; those of the master before while it has listed none. */
  replicas(): readonly Endpoint[] {
    return this.#steady?.replicas ?? this.#replicas;
  }

  /** The servers that the Sentinels list as its replicas, and that it does not list. */
  absent(): readonly AbsentServer[] {
    return absentServers(this.#belief, this.#steady?.replicas);
  }

  /** The query round: an answer to a query of an older one is stale. */
  get round(): number {
    return this.#belief.round;
  }

  /** Whether the peers that a Sentinel lists count: the Sentinel is known, and not a stranger. */
  trusts(sentinel: string): boolean {
    const { trusted, strangers } = this.#belief.identities;
    return trusted !== undefined && !strangers.has(sentinel);
  }

  /** Whether there are strangers that the others may still list. */
  get hasNewcomers(): boolean {
    const { identities, nowMs } = this.#belief;
    return [...identities.strangers.values()].some((sinceMs) => nowMs - sinceMs < newcomerMs);
  }

  /** Whether a master is missing, so that the Sentinels are queried more often. */
  get isUnsettled(): boolean {
    return !isUsable(this.#belief) || this.#belief.fence !== undefined;
  }

  /** Takes over changed rules. What is believed about the master stays. */
  adjust(rules: Partial<Rules>): void {
    this.hear({ kind: 'rules-changed', rules: { ...this.#belief.rules, ...rules } });
  }

  /** The data plane met an error at an endpoint. A hint: the Sentinels and the server are asked, nothing else happens. */
  suspect(endpoint: Endpoint): void {
    this.#wakeOnHint(this.#probeOf(endpoint));
  }

  /** Asks a served master for its ROLE on a new connection. Resolves when its answer, or that there is none, has been heard. */
  async verify(endpoint: Endpoint): Promise<void> {
    await this.#probeOf(endpoint)?.askOnNewConnection();
  }

  /** Takes over other credentials or certificates: the servers are probed again with them. */
  renew(access: ServerAccess): void {
    this.#access = access;
    this.#steady?.close();
    this.#steady = undefined;
    this.#candidate?.probe.close();
    this.#candidate = undefined;
    this.#keepProbes();
  }

  /** Takes one step and acts upon it: first the engine is steered, then the probes follow, and only then is it reported. */
  hear(event: BeliefEvent): void {
    const [before, seen] = [this.#belief, this.#view];
    const belief = step(before, event, this.#now());
    const view = belief === before ? seen : viewOf(belief, seen);
    this.#belief = belief;
    this.#view = view;
    if (view !== seen) this.#callbacks.steer(view);
    if (belief !== before) this.#keepProbes();
    this.#report(event);
    if (view !== seen) this.#callbacks.report({ kind: 'view', view, before: seen });
    if (belief !== before) {
      if (nextDeadline(belief) !== nextDeadline(before)) this.#keepDeadline();
      this.#lookUpNames();
    }
    // Every announcement is a hint; a new round makes all earlier answers stale.
    const isHint = event.kind === 'announced' || belief.round !== before.round;
    if (isHint) this.#options.wakeSentinels();
    else if (belief.role !== before.role && !isUsable(belief)) this.#wakeOnHint();
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#check);
    clearTimeout(this.#deadline);
    this.#steady?.close();
    this.#candidate?.probe.close();
  }

  /** Wakes a probe and the Sentinels, for the first of a crowd of hints. */
  #wakeOnHint(probe?: RoleProbe): void {
    const nowMs = this.#now();
    if (nowMs - this.#suspectedMs < suspectEveryMs) return;
    this.#suspectedMs = nowMs;
    probe?.wake();
    this.#options.wakeSentinels();
  }

  /** The probe of a server that clients may be connected to. */
  #probeOf(endpoint: Endpoint): RoleProbe | undefined {
    return [this.#steady, this.#candidate?.probe].find(
      (probe) => probe && sameEndpoint(probe.endpoint, endpoint),
    );
  }

  #keepProbes(): void {
    this.#keepSteadyProbe();
    this.#keepCandidateProbe();
  }

  #keepSteadyProbe(): void {
    const wanted = openFence(this.#belief) ? undefined : this.#belief.adopted?.endpoint;
    if (this.#steady && wanted && sameEndpoint(this.#steady.endpoint, wanted)) return;
    this.#replicas = this.replicas();
    this.#steady?.close();
    this.#steady = wanted && this.#probe(wanted, steadyPace, () => this.#belief.generation);
  }

  #keepCandidateProbe(): void {
    const fence = openFence(this.#belief);
    const { generation } = this.#belief;
    const wanted = fence?.isReachable ? fence.candidate : undefined;
    if (!wanted || this.#candidate?.generation !== generation) {
      this.#candidate?.probe.close();
      this.#candidate = wanted && {
        ...{ generation, isHurried: false },
        probe: this.#probe(wanted, candidatePace, () => generation),
      };
    }
    if (this.#candidate && fence?.isOrdered && !this.#candidate.isHurried) {
      this.#candidate.isHurried = true;
      this.#candidate.probe.hurry();
    }
  }

  /** @param generation the generation that an answer belongs to */
  #probe(endpoint: Endpoint, pace: ProbePace, generation: () => number): RoleProbe {
    return new RoleProbe(endpoint, pace, {
      access: this.#access,
      own: this.#options.own,
      onRole: (role) => {
        this.hear({ kind: 'probed', endpoint, role, generation: generation() });
      },
      onLogin: (login) => {
        const speaker = `AUTH ${formatEndpoint(endpoint)}`;
        this.#reportChange(speaker, login, { kind: 'logged-in', endpoint, login });
      },
    });
  }

  /** Where servers have several spellings, the addresses of their names tell which are the same. */
  #lookUpNames(): void {
    const hosts = hostsIn(this.#belief);
    if (hosts.size < 2) return;
    const nowMs = this.#now();
    const { lookUp = lookUpByName } = this.#options;
    for (const host of hosts) {
      if (isIP(host) !== 0 || nowMs - (this.#lookedUpMs.get(host) ?? -Infinity) < lookUpEveryMs) continue;
      if (this.#lookedUpMs.size >= maxReported) this.#lookedUpMs.clear();
      this.#lookedUpMs.set(host, nowMs);
      lookUp(host, (addresses) => {
        if (!this.#isClosed && addresses.length > 0) this.hear({ kind: 'resolved', host, addresses });
      });
    }
  }

  #keepDeadline(): void {
    clearTimeout(this.#deadline);
    const atMs = nextDeadline(this.#belief);
    if (atMs === Infinity) return;
    // One millisecond late: a timer may fire just before its time, and would have to be set again.
    this.#deadline = setTimeout(
      () => {
        this.hear({ kind: 'elapsed' });
      },
      atMs - this.#now() + 1,
    );
  }

  /** Reports what a Sentinel or a server has said. */
  #report(event: BeliefEvent): void {
    switch (event.kind) {
      case 'announced': {
        const { sentinel, announcement } = event;
        this.#callbacks.report({ kind: 'announced', sentinel, announcement });
        return;
      }
      case 'answered': {
        const { sentinel, answer } = event;
        const shown = answer.kind === 'address' ? { ...answer, flags: undefined } : answer;
        this.#reportChange(sentinel, shown, { kind: 'answered', sentinel, answer });
        return;
      }
      case 'probed': {
        const { endpoint, role } = event;
        this.#reportChange(formatEndpoint(endpoint), role, { kind: 'probed', endpoint, role });
        return;
      }
      case 'peers-listed':
      case 'resolved':
      case 'roster-changed':
      case 'seeds-added':
      case 'rules-changed':
      case 'unsubscribed':
      case 'elapsed':
        return;
      default:
        return unreachable(event);
    }
  }

  /** Reports an event, if what a speaker says differs from its last report. */
  #reportChange(speaker: string, said: unknown, event: WatchEvent): void {
    const text = JSON.stringify(said);
    if (this.#reported.get(speaker) === text) return;
    // Speakers come and go over the months; a forgotten one is only reported once more.
    if (this.#reported.size >= maxReported) this.#reported.clear();
    this.#reported.set(speaker, text);
    this.#callbacks.report(event);
  }
}

/** The hosts by which the relevant servers are named. */
function hostsIn({ adopted, fence, reports }: Belief): ReadonlySet<string> {
  const hosts = new Set<string>();
  if (adopted) hosts.add(adopted.endpoint.host);
  if (fence && fence.kind !== 'asking') hosts.add(fence.candidate.host);
  for (const { answer } of reports.values()) if (answer.kind === 'address') hosts.add(answer.endpoint.host);
  return hosts;
}

function lookUpByName(host: string, found: (addresses: readonly string[]) => void): void {
  names.find(host, (answer) => {
    found(typeof answer === 'string' ? [] : answer);
  });
}
