import type { Round } from './round.ts';
import type { Stage } from './stage.ts';
import { firstWrite } from './writer.ts';

export function introduction(stage: Stage): string {
  return [
    'A real master, two replicas and three Sentinels, and a tunnel in front of them:',
    '',
    ...stage.cast().map((line) => `  ${line}`),
    `  ${'tunnel'.padEnd(12)}127.0.0.1:${stage.port}  leads to the master, whichever it is`,
    '',
    'An ordinary client writes through the tunnel, about one write in a millisecond. Connect as well:',
    '',
    `  redis-cli -p ${stage.port}`,
    '',
  ].join('\n');
}

export function describeRound(round: Round): string {
  const { cause, startedMs, from, to, timeline, acknowledged, lost, gapMs, errors, hasArrived } = round;
  const width = Math.max(...timeline.map(({ who }) => who.length));
  return [
    `${cause === 'crash' ? 'Crash of' : 'Failover from'} ${from}, now ${to} (ms since it was ${cause === 'crash' ? 'killed' : 'asked for'}):`,
    '',
    ...timeline.map(
      ({ atMs, who, what }) => `${(atMs - startedMs).toFixed(1).padStart(9)}  ${who.padEnd(width)}  ${what}`,
    ),
    '',
    `  longest wait between two acknowledged writes  ${gapMs.toFixed(1)} ms`,
    ...announcedLater(round),
    `  errors seen by the client                     ${errors}`,
    `  writes acknowledged                           ${acknowledged}`,
    `  acknowledged, but lost                        ${lost}`,
    `  the write after the failover                  ${hasArrived ? 'arrived' : 'DID NOT ARRIVE'}`,
    '',
  ].join('\n');
}

/** How long those who follow Sentinel's announcement had still to wait. */
function announcedLater({ timeline }: Round): string[] {
  const announced = timeline.find(({ what }) => what === '+switch-master');
  const written = timeline.find(({ what }) => what === firstWrite);
  if (!announced || !written || announced.atMs < written.atMs) return [];
  return [`  Sentinel's own announcement came later by     ${(announced.atMs - written.atMs).toFixed(1)} ms`];
}
