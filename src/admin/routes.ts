import { Hono, type Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { messageOf } from '../errors.ts';
import type { AdminConfig } from '../config/types.ts';
import { logLevels, type LogLevel, type Log } from '../telemetry/log.ts';
import { attempt, databaseActions } from './actions.ts';
import type { Connections } from './connections.ts';
import { withSentence, type Followers } from './follow.ts';
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

/** How long the relay threads may take to respond, in milliseconds. */
const aliveMs = 1_000;
/** The longest body of a request, in bytes. */
const mostBodyBytes = 4 * 1024;

/** Paths that need no token, for orchestrators. */
export const probePaths: readonly string[] = ['/livez', '/readyz', '/startupz'];
/** Longer texts are shortened in the log, in characters. */
const longestPath = 200;
const longestReason = 500;

/** What the routes use. */
export interface RoutesNeeds {
  readonly callbacks: AdminCallbacks;
  readonly history: History;
  readonly followers: Followers;
  readonly connections: Connections;
  readonly page: Page;
  readonly log: Log;
  /** Limits events that any client can cause. */
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
  app.get('/livez', async (context) => {
    const silent = await callbacks.alive(aliveMs);
    return answerJson(context, { live: silent.length === 0, silent }, silent.length === 0 ? 200 : 503);
  });
  app.get('/readyz', (context) => {
    const { ready, reasons, databases } = statusOf(callbacks.overview());
    const summaries = databases.map(({ name, ready: isReady, reason }) => ({ name, ready: isReady, reason }));
    return answerJson(context, { ready, reasons, databases: summaries }, ready ? 200 : 503);
  });
  app.get('/startupz', (context) => {
    // Once started, always started: what is missing later is a matter of readiness.
    const waiting = hasStarted
      ? []
      : callbacks
          .overview()
          .tunnels.filter(isUnresolved)
          .map(({ name }) => name);
    hasStarted ||= waiting.length === 0;
    return answerJson(context, { started: hasStarted, waiting }, hasStarted ? 200 : 503);
  });

  app.get('/status', withToken, (context) => answerJson(context, statusOf(callbacks.overview())));
  app.get('/metrics', withToken, async (context) => {
    const { contentType, text } = await metrics.scrape(context.req.header('accept'));
    return context.body(text, 200, { 'Content-Type': contentType });
  });
  app.get('/failovers', withToken, (context) => listFailovers(context, callbacks));
  app.get('/history', withToken, (context) => showHistory(context, needs));
  app.get('/events', withToken, (context) => followEvents(context, needs));

  // The body is read last, so that an unauthenticated client cannot make the tunnel read one.
  const limit = bodyLimit({ maxSize: mostBodyBytes, onError: tooLarge });
  const actions = [onlyWhereTokens(config.token), withToken, limit] as const;
  app.post('/reload', ...actions, async (context) => {
    if (!callbacks.reload) return refuse(context, 501, 'There is no configuration file to reload');
    log.info('admin.acted', { who: whoOf(context), action: 'reload' });
    return await attempt(context, async () => ({ changes: await callbacks.reload?.() }));
  });

  databaseActions(app, callbacks, actions, log);

  app.get(
    '*',
    (context) =>
      page.answer(context.req.path, context.req.header('accept-encoding')) ??
      refuse(context, 404, `Not found: "${context.req.path}"`),
  );
  app.notFound((context) => refuse(context, 404, `Not found: "${context.req.method} ${context.req.path}"`));
  app.onError((error, context) => {
    const path = context.req.path.slice(0, longestPath);
    // A connection that ends during its request is no defect.
    if (!context.env.incoming.errored && !context.env.incoming.socket.destroyed)
      repeatLimit.note(
        'error',
        'admin.defect',
        { path, reason: messageOf(error).slice(0, longestReason) },
        1,
        'admin.defect',
      );
    return answerJson(context, { error: 'Internal error: see the log' }, 500);
  });
  return app;
}

function tooLarge(context: Context): Response {
  return refuse(context, 413, `The body of a request is limited to ${String(mostBodyBytes)} bytes`);
}

/** Whether it has no open listener, or has not found its first master. */
function isUnresolved({ listeners, view }: TunnelView): boolean {
  return view.phase.kind === 'unknown' || listeners.every(({ isOpen }) => !isOpen);
}

/** The most failovers in one response, because the main thread builds it. */
const mostFailovers = 500;

function listFailovers(context: Context<AdminEnv>, callbacks: AdminCallbacks): Response {
  const { database, last } = context.req.query();
  const count = countFrom(last);
  if (count === undefined) return refuse(context, 400, '"last": expected a whole number');
  const names = callbacks.overview().tunnels.map(({ name }) => name);
  if (database !== undefined && !names.includes(database))
    return refuse(context, 404, `No database "${database}"`);
  const records = callbacks
    .records()
    .filter((record) => database === undefined || record.database === database);
  const failovers = records.toSorted((a, b) => (a.at < b.at ? -1 : 1));
  const most = Math.min(count, mostFailovers);
  return answerJson(context, { version: statusVersion, failovers: most === 0 ? [] : failovers.slice(-most) });
}

/** One database per response, which limits it to about 50 kB. */
function showHistory(context: Context<AdminEnv>, { callbacks, history }: RoutesNeeds): Response {
  const { database } = context.req.query();
  if (database === undefined) return refuse(context, 400, '"database": expected the name of a database');
  const isThere = callbacks.readings().databases.some(({ name }) => name === database);
  if (!isThere) return refuse(context, 404, `No database "${database}"`);
  return answerJson(context, { version: statusVersion, ...history.of(database) });
}

function followEvents(
  context: Context<AdminEnv>,
  { callbacks, followers, connections, repeatLimit }: RoutesNeeds,
): Response {
  const { level = 'info', since = context.req.header('last-event-id'), last } = context.req.query();
  const count = countFrom(last);
  if (!isLevel(level)) return refuse(context, 400, `"level": expected one of ${logLevels.join(', ')}`);
  if (count === undefined) return refuse(context, 400, '"last": expected a whole number');
  const importance = logLevels.indexOf(level);
  const kept =
    since !== undefined ? callbacks.feed.since(since) : last !== undefined ? callbacks.feed.last(count) : [];
  const backlog = kept.filter((event) => logLevels.indexOf(event.level) >= importance);
  if (context.req.header('accept') === 'application/json')
    return answerJson(context, {
      version: statusVersion,
      latestId: callbacks.feed.latestId,
      events: backlog.map(withSentence),
    });
  if (followers.isFull) return refuse(context, 503, 'Too many clients follow the events');
  const who = whoOf(context);
  const dropped = (): void => {
    repeatLimit.note('info', 'admin.follower-dropped', { who }, 1, 'admin.follower-dropped');
  };
  connections.authenticated(context.env.incoming.socket);
  followers.add(context.env.outgoing, { level, backlog, dropped });
  return RESPONSE_ALREADY_SENT;
}

function isLevel(text: string): text is LogLevel {
  return (logLevels as readonly string[]).includes(text);
}

/** @returns the number in a query parameter; unlimited without one, `undefined` when it is no number */
function countFrom(text: string | undefined): number | undefined {
  if (text === undefined) return Number.MAX_SAFE_INTEGER;
  return /^\d{1,6}$/.test(text) ? Number(text) : undefined;
}
