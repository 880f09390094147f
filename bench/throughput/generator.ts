import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Cell } from './cells.ts';

/** What a generator said at its end of one command. `redis-benchmark` has steps of 8 µs: good for a table, not for a difference. */
export interface Said {
  /** From its first command to its last, connecting not included. */
  readonly perSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/** A process that sends one kind of command until it has sent as many as it was asked to. */
export interface Generator {
  readonly pid: number;
  /** What it said; rejects where it ended otherwise. */
  readonly said: Promise<Said>;
  readonly hasEnded: () => boolean;
  /** Ends it before its time; resolves when it is gone. */
  kill(): Promise<void>;
}

/** One kind of command of a cell, and when it runs evenly. */
export interface Load {
  /** As Redis calls it in its statistics. */
  readonly command: 'get' | 'set' | 'ping';
  /** Of its clients, which stay; none where each command has a new one. */
  readonly connections: number;
  /** Commands that have been answered before anything is measured. */
  readonly commandsBefore: number;
  start(port: number, commands: number): Generator;
}

/** A client has had this many replies, in the mean, before its commands count. */
const repliesBefore = 20;

/** The loads of a cell, one after the other. */
export function loadsOf(cell: Cell): readonly Load[] {
  switch (cell.kind) {
    case 'latency': {
      const script = fileURLToPath(new URL('./pingpong-child.js', import.meta.url));
      return [
        {
          command: 'get',
          connections: 1,
          commandsBefore: 2100, // its own warm-up has 2000
          start: (port, commands) => run(process.execPath, [script, port, commands], parsePingPong),
        },
      ];
    }
    case 'connect':
      return [
        {
          command: 'ping',
          connections: 0,
          commandsBefore: repliesBefore * cell.clients,
          start: (port, commands) =>
            redisBenchmark(port, ['-t', 'ping_mbulk', '-k', 0, '-c', cell.clients], commands),
        },
      ];
    case 'commands': {
      const { clients, bytes, pipeline } = cell;
      return cell.tests.map((command) => ({
        command,
        connections: clients,
        commandsBefore: repliesBefore * clients * pipeline,
        start: (port, commands) =>
          redisBenchmark(port, ['-t', command, '-c', clients, '-d', bytes, '-P', pipeline], commands),
      }));
    }
  }
}

/** `redis-benchmark`, which is in C and is what everybody measures Redis with. */
export function redisBenchmark(
  port: number,
  args: readonly (string | number)[],
  commands: number,
): Generator {
  return run('redis-benchmark', ['-p', port, '-n', commands, '--csv', ...args], parseCsv);
}

// "test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"
export function parseCsv(stdout: string): Said {
  const [line = ''] = stdout.split('\n').slice(1);
  const fields = line.split(',').map((field) => Number(field.replaceAll('"', '')));
  const [, perSecond = NaN, , , p50 = NaN, , p99 = NaN] = fields;
  if (!(perSecond > 0 && p50 > 0 && p99 > 0)) throw new Error(`Cannot read redis-benchmark: "${stdout}"`);
  return { perSecond, p50Us: p50 * 1000, p99Us: p99 * 1000 };
}

function parsePingPong(stdout: string): Said {
  return JSON.parse(stdout) as Said;
}

function run(file: string, args: readonly (string | number)[], parse: (stdout: string) => Said): Generator {
  let hasEnded = false;
  let gone = (): void => undefined;
  const ended = new Promise<void>((resolve) => {
    gone = resolve;
  });
  let child: ReturnType<typeof execFile> | undefined;
  const said = new Promise<Said>((resolve, reject) => {
    child = execFile(file, args.map(String), { killSignal: 'SIGKILL' }, (error, stdout) => {
      hasEnded = true;
      gone();
      if (error) reject(new Error(`${file} has failed: ${error.message}`, { cause: error }));
      else {
        try {
          resolve(parse(stdout));
        } catch (unreadable) {
          reject(unreadable instanceof Error ? unreadable : new Error(String(unreadable)));
        }
      }
    });
  });
  said.catch(() => undefined); // of one that was killed; whoever waits for it still sees it
  const pid = child?.pid;
  if (pid === undefined) throw new Error(`Cannot start ${file}: is it installed?`);
  return {
    pid,
    said,
    hasEnded: () => hasEnded,
    kill: async () => {
      child?.kill('SIGKILL');
      await ended;
    },
  };
}
