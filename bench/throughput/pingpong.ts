import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface PingPong {
  readonly seconds: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/** One client, one command at a time, on a blocking socket in a process of its own: nothing but the way is measured. */
export async function pingPong(port: number, count: number): Promise<PingPong> {
  const script = fileURLToPath(new URL('./pingpong-child.js', import.meta.url));
  const { stdout } = await run(process.execPath, [script, String(port), String(count)]);
  return JSON.parse(stdout) as PingPong;
}
