import { spawnSync } from 'node:child_process';

/**
 * A Python that can import redis. The distribution's comes first: it is the one that its package python3-redis
 * serves, and another may stand before it in the path.
 */
export function pythonWithRedis(): string | undefined {
  return ['/usr/bin/python3', 'python3'].find((python) => succeeds(python, ['-c', 'import redis']));
}

/** A PHP with the redis extension. */
export function phpWithRedis(): string | undefined {
  return ['php'].find((php) => succeeds(php, ['-r', 'exit((int) !extension_loaded("redis"));']));
}

/** A Ruby that can load the gem redis. */
export function rubyWithRedis(): string | undefined {
  return ['ruby'].find((ruby) => succeeds(ruby, ['-e', 'require "redis"']));
}

/** Why a test that needs a program is skipped; `false` where the program is there. */
export function cannotRun(program: string): string | false {
  return succeeds(program, ['--version']) ? false : `${program} is not installed`;
}

function succeeds(file: string, args: readonly string[]): boolean {
  return spawnSync(file, args, { stdio: 'ignore' }).status === 0;
}
