import { setTimeout as sleep } from 'node:timers/promises';
import { eventually, type LoggedEvent, type RedisProcess } from '../../test/support/index.ts';
import type { Stage } from './stage.ts';
import { firstWrite, nowMs, type Batch, type Writer } from './writer.ts';

/** `planned`: Sentinel is asked for a failover. `crash`: the master is killed with SIGKILL. */
export type Cause = 'planned' | 'crash';

export interface Row {
  readonly atMs: number;
  readonly who: string;
  readonly what: string;
}

export interface Round {
  readonly cause: Cause;
  readonly startedMs: number;
  readonly from: string;
  readonly to: string;
  readonly timeline: readonly Row[];
  readonly acknowledged: number;
  /** Acknowledged to the client, and not on the master in the end. */
  readonly lost: number;
  /** The longest time between two acknowledged writes. */
  readonly gapMs: number;
  /** Errors that the client saw. */
  readonly errors: number;
  /** Whether the first write after the failover is on the new master. */
  readonly hasArrived: boolean;
}

/** Twice Sentinel's failover-timeout, in which it starts no second one by itself, and time for it to do so. */
const withinMs = 40_000;
/** After the new master serves, so that the writes counted are of both masters. */
const afterwardsMs = 500;

/** One failover under writes, and what became of them. */
export async function runRound(stage: Stage, writer: Writer, cause: Cause): Promise<Round> {
  const { cluster, tunnel } = stage;
  const before = await cluster.masterNow();
  const stories = tunnel.events('failover.story').length;
  const startedMs = nowMs();
  if (cause === 'crash') await before.kill();
  else await eventually(() => asked(stage), { withinMs, everyMs: 250 });
  const story = await tunnel.waitFor(
    (event) =>
      event.event === 'failover.story' &&
      event['to'] !== event['from'] &&
      tunnel.events('failover.story').indexOf(event) >= stories,
    { withinMs },
  );
  const after = await cluster.awaitNewMaster(before, { withinMs });
  await sleep(afterwardsMs);
  const batch = writer.turn();
  const timeline = [
    { atMs: startedMs, who: 'demo', what: cause === 'crash' ? 'kill -9 of the master' : 'SENTINEL FAILOVER' },
    ...toldBy(story),
    ...batch.sights.map(({ atMs, what }) => ({ atMs, who: 'client', what })),
  ]
    .filter(({ atMs }) => atMs >= startedMs)
    .map((row) => ({ ...row, who: stage.named(row.who), what: stage.named(row.what) }))
    .toSorted((a, b) => a.atMs - b.atMs);
  const present = await membersOf(after, batch);
  const arrived = firstAfterCut(batch, startedMs);
  if (cause === 'crash') await before.restart();
  return {
    cause,
    startedMs,
    from: stage.nameOf(before),
    to: stage.nameOf(after),
    timeline,
    acknowledged: batch.acknowledged.length,
    lost: batch.acknowledged.filter(({ member }) => !present.has(member)).length,
    gapMs: longestGap(batch),
    errors: batch.sights.filter(({ what }) => what !== firstWrite).length,
    hasArrived: arrived !== undefined && present.has(arrived),
  };
}

/** Sentinel refuses while an earlier failover is not quite over, or a replica is not yet good enough. */
async function asked({ cluster }: Stage): Promise<true> {
  await cluster.failover();
  return true;
}

/** The lines of the tunnel's own story, on the clock on the wall. */
function toldBy(story: LoggedEvent): Row[] {
  const began = Date.parse(String(story['at']));
  const lines: unknown = story['lines'];
  if (!Array.isArray(lines)) return [];
  return lines.flatMap((line) => {
    const [, ms, who, what] = /^(-?[\d.]+) ms (\S+) (.*)$/.exec(String(line)) ?? [];
    return who !== undefined && what !== undefined ? [{ atMs: began + Number(ms), who, what }] : [];
  });
}

async function membersOf(master: RedisProcess, { key }: Batch): Promise<ReadonlySet<number>> {
  await using client = await master.connect(10_000);
  const members = await client.command('SMEMBERS', key);
  await client.command('DEL', key);
  return new Set(Array.isArray(members) ? members.map(Number) : []);
}

function firstAfterCut({ sights, acknowledged }: Batch, startedMs: number): number | undefined {
  const cut = sights.find(({ atMs }) => atMs >= startedMs);
  return cut && acknowledged.find(({ atMs }) => atMs > cut.atMs)?.member;
}

function longestGap({ acknowledged }: Batch): number {
  return acknowledged.reduce((longest, { atMs }, index) => {
    const previous = acknowledged[index - 1];
    return previous ? Math.max(longest, atMs - previous.atMs) : longest;
  }, 0);
}
