import { freePort } from '../../test/support/index.ts';
import { launch, masterPort, writeConfig, type Relay, type Upstream } from './relay.ts';

// No limit of HAProxy's own, and no idle timeout that could end a session in a bench.
const preamble = `global
  nbthread 1
  maxconn 9000
  maxpipes 900
defaults
  mode tcp
  timeout connect 4s
  timeout client 1h
  timeout server 1h
`;

/** HAProxy as a plain TCP proxy on one thread. */
export async function startHaproxy(upstream: Upstream, { splice = false } = {}): Promise<Relay> {
  const port = await freePort();
  const name = splice ? 'haproxy-splice' : 'haproxy';
  return start(name, upstream.dir, port, [
    ...(splice ? ['  option splice-auto'] : []),
    `  bind 127.0.0.1:${String(port)} backlog 4096`,
    `  server redis 127.0.0.1:${String(masterPort(upstream))}`,
  ]);
}

/** The recipe that finds the master by asking every server for its role once a second. */
export async function startHaproxyRecipe(
  upstream: Upstream,
  { shutdownSessions }: { shutdownSessions: boolean },
): Promise<Relay> {
  const port = await freePort();
  const marked = shutdownSessions ? ' on-marked-down shutdown-sessions' : '';
  return start(shutdownSessions ? 'haproxy-recipe-cut' : 'haproxy-recipe', upstream.dir, port, [
    `  bind 127.0.0.1:${String(port)} backlog 4096`,
    '  option tcp-check',
    '  tcp-check connect',
    '  tcp-check send PING\\r\\n',
    '  tcp-check expect string +PONG',
    '  tcp-check send info\\ replication\\r\\n',
    '  tcp-check expect string role:master',
    '  tcp-check send QUIT\\r\\n',
    '  tcp-check expect string +OK',
    ...upstream.redisPorts.map(
      (redis, at) =>
        `  server r${String(at)} 127.0.0.1:${String(redis)} check inter 1s fall 1 rise 1${marked}`,
    ),
  ]);
}

function start(name: string, dir: string, port: number, lines: readonly string[]): Promise<Relay> {
  const config = writeConfig(dir, `${name}.cfg`, `${preamble}listen redis\n${lines.join('\n')}\n`);
  return launch(name, port, ['haproxy', '-db', '-f', config]);
}
