import type { Config } from '../config/types.ts';
import { startDaemon, type Daemon } from '../daemon.ts';
import { messageOf } from '../errors.ts';
import { assignSockets, closeUnused, handedSockets, handedVariables } from '../os/handed-sockets.ts';
import { LineSink, type SinkCallbacks } from '../telemetry/line-sink.ts';
import { openLog, type OpenLog } from '../telemetry/open-log.ts';
import { printableLines } from '../printable.ts';
import { exitCodes } from './exit-codes.ts';
import type { Host } from './host.ts';
import { Supervisor } from './systemd.ts';

/**
 * Runs the tunnel until a signal stops it. The first SIGTERM or SIGINT drains, the second cuts at once. SIGHUP
 * reopens the log file and reads the configuration again.
 *
 * @param read gives the configuration, each time read again
 * @param configFile the file that it is read from, where there is one, for people
 * @returns the exit code
 */
export async function run(
  read: () => Promise<Config>,
  host: Host,
  configFile: string | undefined,
): Promise<number> {
  const config = await read();
  const complaints = new LineSink(host.stderr.outlet(), silentSink);
  const opened = await openLog(config.log, host.stdout, (text) => {
    complaints.add(printableLines(`sentinel-tunnel: ${text}\n`));
  });
  const close = async (): Promise<void> => {
    await Promise.all([opened.close(), complaints.close(partingMs)]);
  };
  const forgetComplaints = host.onComplaint(
    (text) => {
      complaints.add(printableLines(text));
    },
    (text) => {
      complaints.add(printableLines(text));
      return close();
    },
  );
  const signals = listenToStop(host);
  const supervisor = await Supervisor.open(host, opened.log);
  let daemon: Daemon | undefined;
  const forgetHangup = host.onSignal('SIGHUP', () => {
    void reopen(opened);
    // What fails is in the log; everything goes on as it was.
    const running = daemon;
    if (running) void supervisor.reload(() => running.reload().catch(() => undefined));
  });
  try {
    const handed = await handedSockets(host.env, host.pid);
    // Our own child processes must not take them over.
    for (const name of handedVariables) host.unsetEnv(name);
    const { assigned, unused } = assignSockets(handed, config.databases);
    closeUnused(unused, opened.log);
    daemon = await startDaemon(config, supervisor.watching(opened.log), {
      ...(configFile !== undefined && { configFile }),
      read,
      handed: assigned,
      logState: () => ({ trouble: opened.trouble, dropped: opened.dropped }),
      adjustLog: (log) => opened.adjust(log),
    });
    const running = daemon;
    supervisor.ready(running);
    const first = await signals.first;
    supervisor.stopping(running.drainMs());
    const stopped = running.stop(first);
    void signals.second.then(() => {
      running.cut();
    });
    return (await stopped) === 'drained' ? exitCodes.done : exitCodes.cut;
  } finally {
    forgetHangup();
    signals.forget();
    supervisor.close();
    await close();
    forgetComplaints();
  }
}

/** Nothing can report that standard error cannot be written to. */
const silentSink: SinkCallbacks = { troubled: () => undefined, resumed: () => undefined };

/** What the last words on standard error may take, in milliseconds. */
const partingMs = 1_000;

async function reopen(opened: OpenLog): Promise<void> {
  try {
    await opened.reopen();
    opened.log.info('log.reopened', { signal: 'SIGHUP' });
  } catch (error) {
    opened.log.error('log.reopen-failed', { signal: 'SIGHUP', reason: messageOf(error) });
  }
}

interface StopSignals {
  readonly first: Promise<string>;
  readonly second: Promise<void>;
  forget(): void;
}

function listenToStop(host: Host): StopSignals {
  let tellFirst: (signal: string) => void = () => undefined;
  let tellSecond: () => void = () => undefined;
  const first = new Promise<string>((resolve) => (tellFirst = resolve));
  const second = new Promise<void>((resolve) => (tellSecond = resolve));
  let count = 0;
  const forget = (['SIGTERM', 'SIGINT'] as const).map((signal) =>
    host.onSignal(signal, () => {
      count += 1;
      if (count === 1) tellFirst(signal);
      else tellSecond();
    }),
  );
  return {
    first,
    second,
    forget: () => {
      for (const each of forget) each();
    },
  };
}
