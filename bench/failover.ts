// What a failover does to writing clients: how long, what is lost, which errors; beside the other ways to the master.
import { describeMachine } from './lib/machine.ts';
import { optionsOf } from './lib/options.ts';
import { writeRun, writeSection } from './lib/results.ts';
import { describeBuilds } from './peers/build.ts';
import type { Contender } from './failover/contenders.ts';
import { parseOptions, usage } from './failover/options.ts';
import { report, type Trial } from './failover/report.ts';
import { runTrial, SecondFailoverError, type Cause } from './failover/trial.ts';
import { alternate } from './lib/turns.ts';

const options = optionsOf(usage, parseOptions);
const startedAt = new Date();
const machine = describeMachine();
const trials: Trial[] = [];
const failed: string[] = [];
let repeated = 0;
for (const cause of options.causes) await runAll(cause);
const run = {
  startedAt: startedAt.toISOString(),
  tookSeconds: Math.round((Date.now() - startedAt.getTime()) / 1000),
  machine,
  clients: options.clients,
  pauseMs: options.pauseMs,
  ...(options.builds && { builds: describeBuilds(options.builds) }),
  failed,
  repeated,
  trials,
};
const text = report(run, options.contenders);
process.stdout.write(`\n${text}\n\n`);
const name = options.builds ? 'failover-against' : 'failover';
progress(`kept ${writeRun(name, run)}`);
if (options.writesResults) progress(`wrote ${writeSection(name, text)}`);

/** The contenders in turn, trial by trial: a machine that becomes slower meanwhile hits all of them. */
async function runAll(cause: Cause): Promise<void> {
  const countOf = ({ isOurs }: Contender): number => (isOurs ? options.trials : options.peerTrials);
  const failures = new Map<string, number>();
  for (let trial = 1; trial <= Math.max(options.trials, options.peerTrials); trial += 1) {
    for (const [name, contender] of alternate([...options.contenders], trial - 1)) {
      // A contender that cannot even start is not tried twenty times.
      const isHopeless = (failures.get(name) ?? 0) > 1 && !hasSucceeded(cause, name);
      if (trial > countOf(contender) || isHopeless) continue;
      if (await runOne(contender, { name, cause, trial })) continue;
      failures.set(name, (failures.get(name) ?? 0) + 1);
    }
  }
}

function hasSucceeded(cause: Cause, name: string): boolean {
  return trials.some((trial) => trial.cause === cause && trial.contender === name);
}

/** False where the trial has failed. */
async function runOne(
  contender: Contender,
  { name, cause, trial }: { readonly name: string; readonly cause: Cause; readonly trial: number },
): Promise<boolean> {
  for (;;) {
    try {
      const outcome = await runTrial(contender, cause, options);
      trials.push({ contender: name, cause, trial, ...outcome });
      const { firstWriteMs, lost, acknowledged, errors } = outcome;
      progress(
        `${cause} ${name} ${trial}: back ${firstWriteMs ?? 'never'} ms, ` +
          `lost ${lost.before} + ${lost.after} of ${acknowledged}, errors ${JSON.stringify(errors)}`,
      );
      return true;
    } catch (error) {
      if (error instanceof SecondFailoverError && repeated < 20) {
        progress(`${cause} ${name} ${trial}: again, since the Sentinels failed over a second time`);
        repeated += 1;
        continue;
      }
      failed.push(`${cause} ${name} ${trial}: ${error instanceof Error ? error.message : String(error)}`);
      progress(`failed: ${failed.at(-1) ?? ''}`);
      return false;
    }
  }
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}
