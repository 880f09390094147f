// Shows the tunnel on real servers of its own: a writer, failovers, and what became of every write.
//
//   npm run demo               until Ctrl-C: a failover every so often, or at a key
//   npm run demo -- --once     one failover; exit code 0 if the write after it arrived
import { setTimeout as sleep } from 'node:timers/promises';
import { leaveEndToCaller } from '../test/support/index.ts';
import { keysHelp, listenToKeys, type Key } from './demo/keys.ts';
import { describeRound, introduction } from './demo/report.ts';
import { runRound, type Cause } from './demo/round.ts';
import { Stage } from './demo/stage.ts';
import { Writer } from './demo/writer.ts';

const everyMs = 20_000;
const warmUpMs = 1_000;
const clearLine = '\r\x1b[K';
const signals = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

const stopping = new AbortController();
const isOnce = process.argv.includes('--once') || !process.stdin.isTTY || !process.stdout.isTTY;
leaveEndToCaller();
for (const [signal, code] of Object.entries(signals)) {
  process.on(signal, () => {
    // A second one does not wait; whatever was started is killed on the way out.
    if (stopping.signal.aborted) process.exit(code);
    process.exitCode = isOnce ? code : 0;
    stopping.abort();
  });
}
// The reader of our output has exited, or our parent has died without a signal (npm, a shell, a terminal).
process.stdout.on('error', () => {
  stopping.abort();
});
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) stopping.abort();
}, 1_000).unref();

async function main(): Promise<number> {
  say('Starting a master, two replicas, three Sentinels and the tunnel');
  await using stage = await Stage.open();
  const writer = new Writer(stage.port);
  try {
    say(`\n${introduction(stage)}`);
    const shown = isOnce ? showOnce(stage, writer) : showOn(stage, writer);
    const stopped = aborted(stopping.signal).then(() => process.exitCode ?? 0);
    // What fails because everything is being closed under it is of no interest.
    shown.catch(() => undefined);
    return Number(await Promise.race([stopped, shown]));
  } finally {
    say('\nStopping everything that was started');
    await writer.stop();
  }
}

function failed(error: unknown): number {
  process.stderr.write(`The demo failed: ${error instanceof Error ? error.message : String(error)}\n`);
  return 1;
}

async function showOnce(stage: Stage, writer: Writer): Promise<number> {
  await sleep(warmUpMs);
  const round = await runRound(stage, writer, 'planned');
  say(describeRound(round));
  return round.hasArrived ? 0 : 1;
}

async function showOn(stage: Stage, writer: Writer): Promise<never> {
  say(`${keysHelp}    (a failover also comes by itself every ${everyMs / 1000} s)\n`);
  let wanted: Cause | undefined;
  const stopListening = listenToKeys(process.stdin, (key: Key) => {
    if (key.kind === 'stop') stopping.abort();
    else wanted = key.cause;
  });
  stopping.signal.addEventListener('abort', stopListening);
  for (;;) {
    const untilMs = performance.now() + everyMs;
    while (wanted === undefined && performance.now() < untilMs) {
      status(writer, Math.ceil((untilMs - performance.now()) / 1000));
      await sleep(100);
    }
    const cause = wanted ?? 'planned';
    process.stdout.write(
      `${clearLine}${cause === 'crash' ? 'Killing the master' : 'Asking Sentinel for a failover'} …`,
    );
    const round = await runRound(stage, writer, cause);
    say(`${clearLine}${describeRound(round)}`);
    wanted = undefined; // pressed while the last one was going on
  }
}

function status(writer: Writer, seconds: number): void {
  if (stopping.signal.aborted) return;
  const { acknowledged } = writer.batch;
  process.stdout.write(
    `${clearLine}${acknowledged.length} writes acknowledged, next failover in ${seconds} s`,
  );
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else {
      signal.addEventListener('abort', () => {
        resolve();
      });
    }
  });
}

// Waits that nobody needs any more must not keep the process.
process.exit(await main().catch(failed));
