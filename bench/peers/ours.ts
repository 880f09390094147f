import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../test/support/index.ts';
import { ownBuild, type Build } from './build.ts';
import { launch, writeConfig, type Relay, type Upstream } from './relay.ts';

export const engines = ['streams', 'epoll', 'io_uring'] as const;
export type Engine = (typeof engines)[number];

interface OursOptions {
  readonly engine: 'auto' | Engine;
  readonly threads?: number;
  readonly build?: Build;
}

/** Sentinel Tunnel itself, as the command line starts it. */
export async function startOurs(
  upstream: Upstream,
  { engine, threads = 1, build = ownBuild }: OursOptions,
): Promise<Relay> {
  const { main } = build;
  if (!existsSync(main)) throw new Error(`Cannot start the tunnel: "${main}" is missing`);
  const port = await freePort();
  const name = nameOf(build, engine, threads);
  const log = join(upstream.dir, `${name}.log`);
  const config = writeConfig(
    upstream.dir,
    `${name}.json`,
    JSON.stringify({
      sentinels: upstream.sentinelPorts.map((sentinel) => `127.0.0.1:${String(sentinel)}`),
      databases: [{ name: upstream.masterName, listen: `127.0.0.1:${String(port)}` }],
      engine,
      threads,
      admin: false,
      log: { level: 'info', format: 'json', file: log },
    }),
  );
  const relay = await launch(name, port, [process.execPath, main, 'run', '--config', config]);
  const story = (): string[] => readFileSync(log, 'utf8').split('\n').filter(Boolean);
  if (engine === 'auto') return { ...relay, story, engine: startedWith(story()) };
  const fellBack = story().find((line) => line.includes('"engine.fallback"'));
  if (fellBack === undefined) return { ...relay, story };
  await relay[Symbol.asyncDispose]();
  throw new Error(`Cannot measure engine "${engine}": ${fellBack}`);
}

function nameOf(build: Build, engine: string, threads: number): string {
  const parts = [
    build.name,
    ...(engine === 'auto' ? [] : [engine]),
    ...(threads === 1 ? [] : [`${threads}t`]),
  ];
  return parts.join('-');
}

function startedWith(story: readonly string[]): string {
  const line = story.find((text) => text.includes('"tunnel.started"')) ?? '{}';
  const { engine } = JSON.parse(line) as { engine?: string };
  return engine ?? 'unknown';
}
