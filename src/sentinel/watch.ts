import { isIP } from 'node:net';
import { unreachable } from '../lifecycle/unreachable.ts';
import { sameEndpoint, type Endpoint } from '../net/endpoint.ts';
import type { OwnListeners } from '../net/own-listeners.ts';
import type { ServerAccess } from '../net/tls.ts';
import {
  isUsable,
  newBelief,
  nextDeadline,
  type Belief,
  type Roster,
  type Rules,
  type Word,
} from './decision/belief.ts';
import { absentServers, type AbsentServer } from './decision/absent.ts';
import type { Login } from '../redis/connection.ts';
import { step } from './decision/step.ts';
import { RoleProbe, type ProbeEntry, type ProbePace } from '../redis/probe.ts';
import type { Role } from '../redis/role.ts';
import { viewOf } from './decision/view-of.ts';
import type { MasterView } from './decision/view.ts';
import type { Announcement, Answer } from './links/announcement.ts';

/** What a watch tells, in the order in which it happened. */
export type WatchEvent =
  | { readonly kind: 'view'; readonly view: MasterView; readonly before: MasterView }
  /** Whatever a Sentinel published about this master. */
  | { readonly kind: 'announced'; readonly sentinel: string; readonly announcement: Announcement }
  /** A Sentinel answers something else than the last time. */
  | { readonly kind: 'answered'; readonly sentinel: string; readonly answer: Answer }
  /** A server says another role than the last time. */
  | { readonly kind: 'probed'; readonly endpoint: Endpoint; readonly role: Role }
  /** What came of our credentials at a server is something else than the last time. */
  | { readonly kind: 'logged-in'; readonly endpoint: Endpoint; readonly login: Login };

/** The served master: often enough to find it silent within a second, cheap enough to be forgotten. */
const steadyPace: ProbePace = { everyMs: 400, masterEveryMs: 400, silentMs: 500, retryMs: 100 };
/**
 * A replica about to be promoted: an answer takes about 0.07 ms on loopback. Once it is master its clients come back and
 * need the processor more than we do.
 */
const candidatePace: ProbePace = { everyMs: 3, masterEveryMs: 50, silentMs: 500, retryMs: 3 };
/** Hints from the data plane wake the Sentinels at most this often, in milliseconds. */
const suspectEveryMs = 50;
/** Deadlines that no word announces, such as an answer growing stale, are looked at this often, in milliseconds. */
const lookEveryMs = 500;
/** A stranger may be named by the others for so long, which hear of a new Sentinel within 2 s; in milliseconds. */
const newcomerMs = 15_000;
/** A host name is looked up again after this, while it has to be told from another spelling; in milliseconds. */
const lookUpEveryMs = 5_000;
/** Whose last word is remembered, at most. */
const mostVoices = 256;

/** Looks a host name up. Gives its addresses, none where it has none; must not throw. */
export type LookUp = (host: string, found: (addresses: readonly string[]) => void) => void;

/** The probe of a server that is to become master, under the generation that its fence began. */
interface Candidate {
  readonly probe: RoleProbe;
  readonly generation: number;
  isHurried: boolean;
}

/**
 * The watch of one master: holds the belief, hands it every word it hears, and keeps the probes and timers that the
 * belief asks for. Nothing but `step` decides.
 */
export class MasterWatch {
  readonly #wakeSentinels: () => void;
  readonly #tell: (event: WatchEvent) => void;
  readonly #now: () => number;
  #access: ServerAccess;
  #belief: Belief;
  #view: MasterView;
  #steady: RoleProbe | undefined;
  #replicas: readonly Endpoint[] = [];
  #candidate: Candidate | undefined;
  #deadline: NodeJS.Timeout | undefined;
  readonly #own: OwnListeners | undefined;
  readonly #look: NodeJS.Timeout;
  #suspectedMs = -Infinity;
  readonly #told = new Map<string, string>();
  readonly #lookUp: LookUp;
  readonly #lookedUpMs = new Map<string, number>();
  #isClosed = false;

  constructor(
    rules: Rules,
    roster: Roster,
    wakeSentinels: () => void,
    tell: (event: WatchEvent) => void,
    now: () => number,
    access: ServerAccess = {},
    own?: OwnListeners,
    lookUp: LookUp = () => undefined,
  ) {
    this.#lookUp = lookUp;
    this.#own = own;
    this.#wakeSentinels = wakeSentinels;
    this.#tell = tell;
    this.#now = now;
    this.#access = access;
    this.#belief = newBelief(rules, roster, now());
    this.#view = viewOf(this.#belief);
    this.#look = setInterval(() => {
      this.hear({ kind: 'elapsed' });
    }, lookEveryMs);
  }

  /** The port of all its servers, whatever is announced; `undefined` for the one that is. */
  get serverPort(): number | undefined {
    return this.#access.port;
  }

  get name(): string {
    return this.#belief.rules.name;
  }

  view(): MasterView {
    return this.#view;
  }

  /** The replicas of the master, by its own latest word; of the one before while there is none. */
  replicas(): readonly Endpoint[] {
    return this.#steady?.replicas ?? this.#replicas;
  }

  /** The servers that the Sentinels list as its replicas, and that it does not count. */
  absent(): readonly AbsentServer[] {
    return absentServers(this.#belief, this.#steady?.replicas);
  }

  /** The number to ask under: an answer to an older one is stale. */
  get turn(): number {
    return this.#belief.turn;
  }

  /** Whether what a Sentinel names around this master counts: it is known, and no stranger. */
  trusts(sentinel: string): boolean {
    const { trusted, strangers } = this.#belief.identities;
    return trusted !== undefined && !strangers.has(sentinel);
  }

  /** Whether there are strangers whom the others may come to name yet. */
  get hasNewcomers(): boolean {
    const { identities, nowMs } = this.#belief;
    return [...identities.strangers.values()].some((sinceMs) => nowMs - sinceMs < newcomerMs);
  }

  /** Whether a master is missing, so that asking should be quicker than the usual beat. */
  get isUnsettled(): boolean {
    return !isUsable(this.#belief) || this.#belief.fence !== undefined;
  }

  /** Takes over what an operator has decided anew. What is believed of the master stays. */
  adjust(rules: Partial<Rules>): void {
    this.hear({ kind: 'ruled', rules: { ...this.#belief.rules, ...rules } });
  }

  /** The data plane found an endpoint wanting. A hint: the Sentinels and the server are asked, nothing else happens. */
  suspect(endpoint: Endpoint): void {
    if (!this.#mayAsk()) return;
    this.#probeOf(endpoint)?.wake();
    this.#wakeSentinels();
  }

  /** Asks the served master for its ROLE on a new connection; resolves when the answer, or that there is none, has been heard. */
  async verify(endpoint: Endpoint): Promise<void> {
    await this.#probeOf(endpoint)?.askAnew();
  }

  /** The probe of a server that clients may have been led to. */
  #probeOf(endpoint: Endpoint): RoleProbe | undefined {
    return [this.#steady, this.#candidate?.probe].find(
      (probe) => probe && sameEndpoint(probe.endpoint, endpoint),
    );
  }

  /** Doubts come in herds; the Sentinels are asked for the first of each. */
  #mayAsk(): boolean {
    const nowMs = this.#now();
    if (nowMs - this.#suspectedMs < suspectEveryMs) return false;
    this.#suspectedMs = nowMs;
    return true;
  }

  /** Other credentials or certificates: the servers are asked anew with them. */
  renew(access: ServerAccess): void {
    this.#access = access;
    this.#steady?.close();
    this.#steady = undefined;
    this.#candidate?.probe.close();
    this.#candidate = undefined;
    this.#keepSteadyProbe();
    this.#keepCandidateProbe();
  }

  hear(word: Word): void {
    this.#report(word);
    const before = this.#belief;
    const belief = step(before, word, this.#now());
    this.#belief = belief;
    if (belief !== before) this.#follow(before);
    // Every announcement is a hint; a turn begins when older answers have become stale.
    if (word.kind === 'announced' || belief.turn !== before.turn) this.#wakeSentinels();
    else if (belief.role !== before.role && !isUsable(belief) && this.#mayAsk()) this.#wakeSentinels();
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#look);
    clearTimeout(this.#deadline);
    this.#steady?.close();
    this.#candidate?.probe.close();
  }

  /** Brings view, probes and timer in line with the belief. The view first: cutting sessions must not wait. */
  #follow(before: Belief): void {
    const seen = this.#view;
    this.#view = viewOf(this.#belief, seen);
    if (this.#view !== seen) this.#tell({ kind: 'view', view: this.#view, before: seen });
    this.#keepSteadyProbe();
    this.#keepCandidateProbe();
    this.#lookNamesUp();
    if (nextDeadline(this.#belief) !== nextDeadline(before)) this.#keepDeadline();
  }

  #keepSteadyProbe(): void {
    const { adopted, fence } = this.#belief;
    const wanted = fence && fence.kind !== 'asking' ? undefined : adopted?.endpoint;
    if (this.#steady && wanted && sameEndpoint(this.#steady.endpoint, wanted)) return;
    this.#replicas = this.replicas();
    this.#steady?.close();
    this.#steady =
      wanted &&
      new RoleProbe(
        wanted,
        steadyPace,
        (role) => {
          this.hear({ kind: 'probed', endpoint: wanted, role, generation: this.#belief.generation });
        },
        this.#entry(wanted),
      );
  }

  #keepCandidateProbe(): void {
    const { fence, generation } = this.#belief;
    const wanted = fence && fence.kind !== 'asking' && fence.isReachable ? fence.candidate : undefined;
    if (!this.#candidate || !wanted || this.#candidate.generation !== generation) {
      this.#candidate?.probe.close();
      this.#candidate = wanted && this.#probeCandidate(wanted, generation);
    }
    if (
      this.#candidate &&
      fence &&
      fence.kind !== 'asking' &&
      fence.isOrdered &&
      !this.#candidate.isHurried
    ) {
      this.#candidate.isHurried = true;
      this.#candidate.probe.hurry();
    }
  }

  #probeCandidate(wanted: Endpoint, generation: number): Candidate {
    return {
      generation,
      isHurried: false,
      probe: new RoleProbe(
        wanted,
        candidatePace,
        (role) => {
          this.hear({ kind: 'probed', endpoint: wanted, role, generation });
        },
        this.#entry(wanted),
      ),
    };
  }

  /** Where servers are spelt in several ways, what the names among them lead to tells which are the same. */
  #lookNamesUp(): void {
    const hosts = spellingsIn(this.#belief);
    if (hosts.size < 2) return;
    const nowMs = this.#now();
    for (const host of hosts) {
      if (isIP(host) !== 0 || nowMs - (this.#lookedUpMs.get(host) ?? -Infinity) < lookUpEveryMs) continue;
      if (this.#lookedUpMs.size >= mostVoices) this.#lookedUpMs.clear();
      this.#lookedUpMs.set(host, nowMs);
      this.#lookUp(host, (addresses) => {
        if (!this.#isClosed && addresses.length > 0) this.hear({ kind: 'resolved', host, addresses });
      });
    }
  }

  #entry(endpoint: Endpoint): ProbeEntry {
    return {
      access: this.#access,
      ...(this.#own && { own: this.#own }),
      loggedIn: (login) => {
        if (this.#isNews(`AUTH ${endpoint.host} ${String(endpoint.port)}`, login))
          this.#tell({ kind: 'logged-in', endpoint, login });
      },
    };
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

  /** Tells what was heard, where it differs from what the same voice said before. */
  #report(word: Word): void {
    switch (word.kind) {
      case 'announced':
        this.#tell({ kind: 'announced', sentinel: word.sentinel, announcement: word.announcement });
        return;
      case 'answered': {
        const { sentinel, answer } = word;
        const said = answer.kind === 'address' ? { ...answer, flags: undefined } : answer;
        if (this.#isNews(sentinel, said)) this.#tell({ kind: 'answered', sentinel, answer });
        return;
      }
      case 'probed': {
        const { endpoint, role } = word;
        if (this.#isNews(`${endpoint.host} ${String(endpoint.port)}`, role))
          this.#tell({ kind: 'probed', endpoint, role });
        return;
      }
      case 'introduced':
      case 'resolved':
      case 'rostered':
      case 'configured':
      case 'ruled':
      case 'unlinked':
      case 'elapsed':
        return;
      default:
        return unreachable(word);
    }
  }

  #isNews(voice: string, said: unknown): boolean {
    const text = JSON.stringify(said);
    if (this.#told.get(voice) === text) return false;
    // Voices come and go over the months; having forgotten one only means that it is told once more.
    if (this.#told.size >= mostVoices) this.#told.clear();
    this.#told.set(voice, text);
    return true;
  }
}

/** The hosts under which the servers are named that matter now. */
function spellingsIn({ adopted, fence, reports }: Belief): ReadonlySet<string> {
  const hosts = new Set<string>();
  if (adopted) hosts.add(adopted.endpoint.host);
  if (fence && fence.kind !== 'asking') hosts.add(fence.candidate.host);
  for (const { answer } of reports.values()) if (answer.kind === 'address') hosts.add(answer.endpoint.host);
  return hosts;
}
