import { TunnelError } from '../errors.ts';
import { formatEndpoint, type Endpoint } from '../net/endpoint.ts';
import type { Access } from '../net/tls.ts';
import type { Promotable } from '../sentinel/members/promotable.ts';
import type { MasterView } from '../sentinel/decision/view.ts';
import { awaitCatchUp, catchUpSlackMs, type CatchUp } from './catch-up.ts';
import { assertFollowed, confirmedMaster } from './fitness.ts';
import type { ReplicationInfo } from '../redis/info.ts';
import { lossBetween, type Loss } from './loss.ts';
import { ReplicationLine } from './replication-line.ts';
import type { FailoverStory } from './story.ts';

/** Clients whose last command was answered before a failover began, and those that still waited for an answer. */
export interface Quiescence {
  readonly resting: number;
  readonly busy: number;
}

/** How a failover went that was prepared for. */
export interface GracefulOutcome {
  /** The Sentinel that has begun it. */
  readonly sentinel: string;
  /** How many sessions had their last command answered before it began, and how many had not. */
  readonly quiescence: Quiescence;
  /** How many replicas had everything before it began, and how long that took. */
  readonly catchUp: CatchUp;
  readonly story: FailoverStory | null;
  readonly lost: Loss;
}

/** What a graceful failover needs of the tunnel of its database. */
export interface GracefulPort {
  readonly name: string;
  view(): MasterView;
  /** How to speak to the servers. */
  readonly access: Access;
  /** Lets new clients wait, but no longer than the generation of now lasts. */
  hold(ms: number): void;
  release(): void;
  quiesce(withinMs: number): Promise<Quiescence>;
  /** The replicas that Sentinel may promote; `undefined` where no Sentinel says. */
  promotable(): Promise<readonly Promotable[] | undefined>;
  lastStory(): FailoverStory | undefined;
}

/** How long a graceful failover may wait before it begins, in milliseconds. */
export interface Patience {
  /** For replies that are under way. */
  readonly finishMs: number;
  /** For replicas that are behind. */
  readonly maxLagWaitMs: number;
}

/** How long running replies may take unless it is said, and the longest, in milliseconds. */
export const usualFinishMs = 2_000;
export const longestFinishMs = 10_000;
/** How long a Sentinel may take to begin what it has been asked for: it has to be elected, in milliseconds. */
const beginMs = 5_000;
/** How long the new master may take to be served after the fence, in milliseconds. */
const serveMs = 10_000;
/** How long a story may lack its end after that: it has a deadline of its own, in milliseconds. */
const storyMs = 4_000;
const askMs = 500;
const lookEveryMs = 5;

/**
 * Fails over so that nobody notices more than a pause: new clients wait, running replies are finished, nothing more is
 * asked, the replicas that may be promoted get everything, and only then is Sentinel asked for the failover. What goes wrong
 * before the fence undoes all of it.
 *
 * @param order has Sentinel begin the failover, and gives which one has
 * @throws TunnelError why there was no failover; everything is as before then
 */
export async function failOverGracefully(
  port: GracefulPort,
  { finishMs, maxLagWaitMs }: Patience,
  order: () => Promise<string>,
): Promise<GracefulOutcome> {
  const { name, access } = port;
  const { generation } = port.view();
  const served = confirmedMaster(name, port.view());
  const before = port.lastStory();
  const old = new ReplicationLine(served, access);
  const isCurrent = (): boolean => port.view().generation === generation;
  const promotable = port.promotable.bind(port);
  const candidates = { name, access, master: old, promotable, isCurrent };
  try {
    // Before anybody waits for it.
    await assertFollowed(candidates);
    port.hold(finishMs + maxLagWaitMs + catchUpSlackMs + beginMs + serveMs);
    const quiescence = await port.quiesce(finishMs);
    const catchUp = await awaitCatchUp(candidates, maxLagWaitMs);
    const sentinel = await order();
    const hasBegun = await until(() => !isCurrent(), beginMs);
    if (!hasBegun)
      throw new TunnelError(
        'ST_FAILOVER_FAILED',
        `The failover of "${name}" that ${sentinel} accepted has not begun within ${String(beginMs)} ms`,
      );
    // Every session has been cut by now, so whatever was acknowledged through here is in this offset.
    const atFence = await infoOf(old);
    // The hold is of the generation of before, so that nobody waits for it any more, and its end can be said when it is true.
    await until(() => port.view().phase.kind === 'serving', serveMs);
    port.release();
    const after = port.view().phase;
    const next = after.kind === 'serving' ? await askNewMaster(after.endpoint, access) : undefined;
    await until(() => port.lastStory() !== before, storyMs);
    const story = port.lastStory();
    const isOver = after.kind === 'serving' && formatEndpoint(after.endpoint) !== formatEndpoint(served);
    return {
      sentinel,
      quiescence,
      catchUp,
      story: story !== before ? (story ?? null) : null,
      lost: isOver
        ? lossBetween(atFence, next, quiescence.busy === 0 ? catchUp.offset : undefined)
        : { writes: null, bytes: null, why: 'no new master is served yet' },
    };
  } finally {
    port.release();
    old.close();
  }
}

async function askNewMaster(endpoint: Endpoint, access: Access): Promise<ReplicationInfo | undefined> {
  const line = new ReplicationLine(endpoint, access);
  const info = await infoOf(line);
  line.close();
  return info;
}

/** What cannot be asked is not known; by now the failover goes on without it. */
async function infoOf(line: ReplicationLine): Promise<ReplicationInfo | undefined> {
  const reply = await line.ask(askMs);
  return reply.kind === 'info' ? reply.info : undefined;
}

/** Looks until something is so. @returns whether it came to be so in time */
async function until(isSo: () => boolean, withinMs: number): Promise<boolean> {
  const untilMs = performance.now() + withinMs;
  while (!isSo()) {
    if (performance.now() >= untilMs) return false;
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
  return true;
}
