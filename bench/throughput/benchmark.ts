import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What one run of `redis-benchmark` said of one command. Its latencies have steps of 8 µs: good for a table, not for a difference. */
export interface Said {
  readonly perSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

export interface Load {
  readonly tests: string;
  readonly clients: number;
  readonly requests: number;
  readonly bytes?: number;
  readonly pipeline?: number;
  /** A new connection for each command. */
  readonly reconnect?: boolean;
}

/** Runs `redis-benchmark`, which is in C and is what everybody measures Redis with. */
export async function redisBenchmark(port: number, load: Load): Promise<Said[]> {
  const { tests, clients, requests, bytes = 3, pipeline = 1, reconnect = false } = load;
  const { stdout } = await run('redis-benchmark', [
    ...['-p', String(port), '-t', tests, '-c', String(clients), '-n', String(requests)],
    ...['-d', String(bytes), '-P', String(pipeline), '-k', reconnect ? '0' : '1', '--csv'],
  ]);
  const said = stdout
    .split('\n')
    .slice(1)
    .filter(Boolean)
    .map((line) => parseLine(line));
  if (said.length !== tests.split(',').length) throw new Error(`Cannot read redis-benchmark: ${stdout}`);
  return said;
}

// "test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"
function parseLine(line: string): Said {
  const fields = line.split(',').map((field) => Number(field.replaceAll('"', '')));
  const [, perSecond = NaN, , , p50 = NaN, , p99 = NaN] = fields;
  if (!(perSecond > 0)) throw new Error(`Cannot read the line of redis-benchmark: "${line}"`);
  return { perSecond, p50Us: p50 * 1000, p99Us: p99 * 1000 };
}
