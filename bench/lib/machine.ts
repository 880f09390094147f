import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly versions: Readonly<Record<string, string>>;
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    versions: {
      node: process.version,
      redis: versionOf('redis-server', ['--version'], /v=(\S+)/),
      haproxy: versionOf('haproxy', ['-v'], /version (\S+)/),
      nginx: versionOf('nginx', ['-v'], /nginx\/(\S+)/),
    },
  };
}

export function machineLine({ cpu, cores, memoryGb, kernel, versions }: Machine): string {
  const programs = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `${cpu}, ${String(cores)} cores, ${String(memoryGb)} GB, Linux ${kernel}; ${programs.join(', ')}`;
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
