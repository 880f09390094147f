import { execFileSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem } from 'node:os';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  /** Of the last minute, before the bench began: what else was running. */
  readonly loadBefore: number;
  readonly versions: Readonly<Record<string, string>>;
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    loadBefore: loadavg()[0] ?? NaN,
    versions: {
      node: process.version,
      redis: versionOf('redis-server', ['--version'], /v=(\S+)/),
      haproxy: versionOf('haproxy', ['-v'], /version (\S+)/),
      nginx: versionOf('nginx', ['-v'], /nginx\/(\S+)/),
    },
  };
}

export function machineLine({ cpu, cores, memoryGb, kernel, loadBefore, versions }: Machine): string {
  const programs = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `${cpu}, ${String(cores)} cores, ${String(memoryGb)} GB, Linux ${kernel}, load average before the run ${loadBefore.toFixed(1)}; ${programs.join(', ')}`;
}

function versionOf(command: string, args: readonly string[], pattern: RegExp): string {
  try {
    // nginx prints its version to standard error.
    const said = execFileSync('sh', ['-c', `${[command, ...args].join(' ')} 2>&1`], { encoding: 'utf8' });
    return pattern.exec(said)?.[1] ?? 'unknown';
  } catch {
    return 'absent';
  }
}
