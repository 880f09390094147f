import { readdirSync, readFileSync } from 'node:fs';

/** A process and everything it forked (nginx answers from a worker, not from its master). */
export function family(pid: number): number[] {
  const children = readdirSync(`/proc/${String(pid)}/task`).flatMap((thread) =>
    readFileSync(`/proc/${String(pid)}/task/${thread}/children`, 'utf8')
      .split(' ')
      .filter(Boolean)
      .map(Number),
  );
  return [pid, ...children.flatMap(family)];
}

/**
 * Nanoseconds that the threads of these processes have spent on a CPU. `schedstat` counts what user+sys in
 * `/proc/PID/stat` counts, but in nanoseconds where that has ticks of 10 ms.
 */
export function cpuNs(pids: readonly number[]): number {
  let total = 0;
  for (const pid of pids) {
    for (const thread of readdirSync(`/proc/${String(pid)}/task`)) {
      const [ns] = readFileSync(`/proc/${String(pid)}/task/${thread}/schedstat`, 'utf8').split(' ');
      total += Number(ns);
    }
  }
  return total;
}

/** Resident memory of these processes together, in bytes. */
export function residentBytes(pids: readonly number[]): number {
  let total = 0;
  for (const pid of pids) {
    const found = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'));
    total += Number(found?.[1] ?? 0) * 1024;
  }
  return total;
}
