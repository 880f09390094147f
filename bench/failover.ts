// What a failover does to writing clients: how long, what is lost, which errors; beside the other ways to the master.
import { describeMachine } from './lib/machine.ts';
import { optionsOf } from './lib/options.ts';
import { writeRun, writeSection } from './lib/results.ts';
import { contenders } from './failover/contenders.ts';
import { parseOptions, usage } from './failover/options.ts';
import { report, type Trial } from './failover/report.ts';
import { runTrial, SecondFailoverError, type Cause } from './failover/trial.ts';

const options = optionsOf(usage, parseOptions);
const startedAt = new Date();
const machine = describeMachine();
const trials: Trial[] = [];
const failed: string[] = [];
let repeated = 0;
for (const cause of options.causes) {
  for (const name of options.contenders) await runAll(cause, name);
}
const run = {
  startedAt: startedAt.toISOString(),
  tookSeconds: Math.round((Date.now() - startedAt.getTime()) / 1000),
  machine,
  clients: options.clients,
  pauseMs: options.pauseMs,
  failed,
  repeated,
  trials,
};
const text = report(run);
process.stdout.write(`\n${text}\n\n`);
progress(`kept ${writeRun('failover', run)}`);
if (options.writesResults) progress(`wrote ${writeSection('failover', text)}`);

async function runAll(cause: Cause, name: string): Promise<void> {
  const contender = contenders[name];
  if (!contender) return;
  const count = contender.isOurs ? options.trials : options.peerTrials;
  let failures = 0;
  for (let trial = 1; trial <= count; trial += 1) {
    try {
      const outcome = await runTrial(contender, cause, options);
      trials.push({ contender: name, cause, trial, ...outcome });
      const { firstWriteMs, lost, acknowledged, errors } = outcome;
      progress(
        `${cause} ${name} ${trial}/${count}: back ${firstWriteMs ?? 'never'} ms, ` +
          `lost ${lost.before} + ${lost.after} of ${acknowledged}, errors ${JSON.stringify(errors)}`,
      );
    } catch (error) {
      if (error instanceof SecondFailoverError && repeated < 20) {
        progress(`${cause} ${name} ${trial}: again, since the Sentinels failed over a second time`);
        repeated += 1;
        trial -= 1;
        continue;
      }
      failed.push(`${cause} ${name} ${trial}: ${error instanceof Error ? error.message : String(error)}`);
      progress(`failed: ${failed.at(-1) ?? ''}`);
      failures += 1;
      // A contender that cannot even start is not tried twenty times.
      if (failures === trial && trial === 2) return;
    }
  }
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}
