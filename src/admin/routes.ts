import { Hono, type Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { messageOf } from '../errors.ts';
import type { AdminConfig } from '../config/types.ts';
import { logLevels, type LogLevel, type Log } from '../telemetry/log.ts';
import { attempt, databaseActions } from './actions.ts';
import type { Connections } from './connections.ts';
import { toldEvent, type Followers } from './follow.ts';
import {
  answerJson,
  onlyKnownHosts,
  onlyOwnOrigin,
  onlyWhereTokens,
  onlyWithToken,
  refuse,
  whoOf,
  withSecurityHeaders,
  type AdminEnv,
} from './guard.ts';
import type { History } from './history.ts';
import { Metrics } from './metrics.ts';
import type { TunnelView } from '../tunnel/tunnel-view.ts';
import type { AdminCallbacks } from './callbacks.ts';
import type { Page } from './page.ts';
import type { RepeatLimit } from '../telemetry/repeat-limit.ts';
import { statusOf, statusVersion } from './status.ts';

/** How long the loops have to show that they live, in milliseconds. */
const aliveMs = 1_000;
/** No request has more to say than this, in bytes. */
const mostBodyBytes = 4 * 1024;

/** What is asked without a token, by those who restart what does not answer. */
export const probePaths: readonly string[] = ['/livez', '/readyz', '/startupz'];
/** What a log line has room for, in characters. */
const longestPath = 200;
const longestReason = 500;

/** What the routes need. */
export interface RoutesNeeds {
  readonly callbacks: AdminCallbacks;
  readonly history: History;
  readonly followers: Followers;
  readonly connections: Connections;
  readonly page: Page;
  readonly log: Log;
  /** For what anybody can cause. */
  readonly repeatLimit: RepeatLimit;
}

/** The routes of the admin listener. `docs/admin.md` lists them, and a test compares. */
export function adminRoutes(config: AdminConfig, needs: RoutesNeeds): Hono<AdminEnv> {
  const { callbacks, page, log, repeatLimit } = needs;
  const app = new Hono<AdminEnv>();
  const withToken = onlyWithToken(config.token, needs.connections);
  const metrics = new Metrics(() => callbacks.overview());
  app.use(withSecurityHeaders, onlyKnownHosts(config.hosts), onlyOwnOrigin);

  let hasStarted = false;
  app.get('/livez', async (asked) => {
    const silent = await callbacks.alive(aliveMs);
    return answerJson(asked, { live: silent.length === 0, silent }, silent.length === 0 ? 200 : 503);
  });
  app.get('/readyz', (asked) => {
    const { ready, reasons, databases } = statusOf(callbacks.overview());
    const told = databases.map(({ name, ready: isReady, reason }) => ({ name, ready: isReady, reason }));
    return answerJson(asked, { ready, reasons, databases: told }, ready ? 200 : 503);
  });
  app.get('/startupz', (asked) => {
    // Once is for ever: what comes to be missing later is a matter of readiness.
    const waiting = hasStarted
      ? []
      : callbacks
          .overview()
          .tunnels.filter(isUnresolved)
          .map(({ name }) => name);
    hasStarted ||= waiting.length === 0;
    return answerJson(asked, { started: hasStarted, waiting }, hasStarted ? 200 : 503);
  });

  app.get('/status', withToken, (asked) => answerJson(asked, statusOf(callbacks.overview())));
  app.get('/metrics', withToken, async (asked) => {
    const { contentType, text } = await metrics.scrape(asked.req.header('accept'));
    return asked.body(text, 200, { 'Content-Type': contentType });
  });
  app.get('/failovers', withToken, (asked) => listFailovers(asked, callbacks));
  app.get('/history', withToken, (asked) => showHistory(asked, needs));
  app.get('/events', withToken, (asked) => followEvents(asked, needs));

  // What a request carries is read last: of strangers nothing is.
  const limit = bodyLimit({ maxSize: mostBodyBytes, onError: tooLarge });
  const actions = [onlyWhereTokens(config.token), withToken, limit] as const;
  app.post('/reload', ...actions, async (asked) => {
    if (!callbacks.reload) return refuse(asked, 501, 'There is no configuration file to read again');
    log.info('admin.acted', { who: whoOf(asked), action: 'reload' });
    return await attempt(asked, async () => ({ changes: await callbacks.reload?.() }));
  });

  databaseActions(app, callbacks, actions, log);

  app.get(
    '*',
    (asked) =>
      page.answer(asked.req.path, asked.req.header('accept-encoding')) ??
      refuse(asked, 404, `Nothing is at "${asked.req.path}"`),
  );
  app.notFound((asked) => refuse(asked, 404, `Nothing is at "${asked.req.method} ${asked.req.path}"`));
  app.onError((error, asked) => {
    const path = asked.req.path.slice(0, longestPath);
    // A connection that ends in the middle of its request is no defect.
    if (!asked.env.incoming.errored && !asked.env.incoming.socket.destroyed)
      repeatLimit.note(
        'error',
        'admin.defect',
        { path, reason: messageOf(error).slice(0, longestReason) },
        1,
        'admin.defect',
      );
    return answerJson(asked, { error: 'A defect: the log says more' }, 500);
  });
  return app;
}

function tooLarge(asked: Context): Response {
  return refuse(asked, 413, `A request has at most ${String(mostBodyBytes)} bytes`);
}

/** It has not listened yet, or not found its first master. */
function isUnresolved({ listeners, view }: TunnelView): boolean {
  return view.phase.kind === 'unknown' || listeners.every(({ isOpen }) => !isOpen);
}

/** Told in one answer: it is put together by the thread that hears the Sentinels. */
const mostFailovers = 500;

function listFailovers(asked: Context<AdminEnv>, callbacks: AdminCallbacks): Response {
  const { database, last } = asked.req.query();
  const count = countFrom(last);
  if (count === undefined) return refuse(asked, 400, '"last": expected a whole number');
  const names = callbacks.overview().tunnels.map(({ name }) => name);
  if (database !== undefined && !names.includes(database))
    return refuse(asked, 404, `No database "${database}"`);
  const records = callbacks
    .records()
    .filter((record) => database === undefined || record.database === database);
  const failovers = records.toSorted((a, b) => (a.at < b.at ? -1 : 1));
  const most = Math.min(count, mostFailovers);
  return answerJson(asked, { version: statusVersion, failovers: most === 0 ? [] : failovers.slice(-most) });
}

/** One database in one answer, which bounds it: about 50 kB. */
function showHistory(asked: Context<AdminEnv>, { callbacks, history }: RoutesNeeds): Response {
  const { database } = asked.req.query();
  if (database === undefined) return refuse(asked, 400, '"database": expected the name of a database');
  const isThere = callbacks.readings().databases.some(({ name }) => name === database);
  if (!isThere) return refuse(asked, 404, `No database "${database}"`);
  return answerJson(asked, { version: statusVersion, ...history.of(database) });
}

function followEvents(
  asked: Context<AdminEnv>,
  { callbacks, followers, connections, repeatLimit }: RoutesNeeds,
): Response {
  const { level = 'info', since = asked.req.header('last-event-id'), last } = asked.req.query();
  const count = countFrom(last);
  if (!isLevel(level)) return refuse(asked, 400, `"level": expected one of ${logLevels.join(', ')}`);
  if (count === undefined) return refuse(asked, 400, '"last": expected a whole number');
  const importance = logLevels.indexOf(level);
  const kept =
    since !== undefined ? callbacks.feed.since(since) : last !== undefined ? callbacks.feed.last(count) : [];
  const backlog = kept.filter((event) => logLevels.indexOf(event.level) >= importance);
  if (asked.req.header('accept') === 'application/json')
    return answerJson(asked, {
      version: statusVersion,
      latestId: callbacks.feed.latestId,
      events: backlog.map(toldEvent),
    });
  if (followers.isFull) return refuse(asked, 503, 'Too many follow the events already');
  const who = whoOf(asked);
  const dropped = (): void => {
    repeatLimit.note('info', 'admin.follower-dropped', { who }, 1, 'admin.follower-dropped');
  };
  connections.know(asked.env.incoming.socket);
  followers.add(asked.env.outgoing, { level, backlog, dropped });
  return RESPONSE_ALREADY_SENT;
}

function isLevel(text: string): text is LogLevel {
  return (logLevels as readonly string[]).includes(text);
}

/** A number of a query; all where there is none, `undefined` where it is no number. */
function countFrom(text: string | undefined): number | undefined {
  if (text === undefined) return Number.MAX_SAFE_INTEGER;
  return /^\d{1,6}$/.test(text) ? Number(text) : undefined;
}
