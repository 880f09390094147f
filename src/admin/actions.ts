import type { Context, Hono, MiddlewareHandler } from 'hono';
import { TunnelError } from '../errors.ts';
import type { Log } from '../telemetry/log.ts';
import { longestMaxLagWaitMs, usualMaxLagWaitMs } from '../tunnel/catch-up.ts';
import { longestFinishMs, usualFinishMs } from '../tunnel/graceful.ts';
import { longestHoldMs, usualHoldMs } from '../tunnel/route.ts';
import { answerJson, refuse, whoOf, type AdminEnv } from './guard.ts';
import type { Actions, AdminCallbacks } from './callbacks.ts';
import { statusVersion } from './status.ts';

type RequestContext = Context<AdminEnv>;

/** The options in the body of a request. */
type ActionOptions = Readonly<Record<string, unknown>>;

interface Action {
  /** The keys that the body may have. */
  readonly keys: readonly string[];
  /** Throws a TunnelError with the reason when the action fails; `ST_USAGE` for an invalid option. */
  readonly act: (actions: Actions, name: string, options: ActionOptions) => Promise<object>;
}

/** The actions on a database: `POST /databases/NAME/ACTION`. */
const actionsByName: Readonly<Record<string, Action>> = {
  hold: {
    keys: ['forMs'],
    act: (actions, name, { forMs }) =>
      Promise.resolve({ hold: actions.hold(name, milliseconds('forMs', forMs, usualHoldMs, longestHoldMs)) }),
  },
  release: { keys: [], act: (actions, name) => Promise.resolve({ released: actions.release(name) }) },
  cut: { keys: [], act: async (actions, name) => ({ cut: await actions.cut(name) }) },
  failover: {
    keys: ['graceful', 'finishMs', 'maxLagWaitMs', 'force'],
    act: async (actions, name, { graceful, finishMs, maxLagWaitMs, force }) => {
      const isGraceful = flag('graceful', graceful);
      const isForced = flag('force', force);
      const waits = {
        finishMs: milliseconds('finishMs', finishMs, usualFinishMs, longestFinishMs),
        maxLagWaitMs: milliseconds('maxLagWaitMs', maxLagWaitMs, usualMaxLagWaitMs, longestMaxLagWaitMs),
      };
      if (isGraceful && isForced)
        throw new TunnelError('ST_USAGE', '"force" cannot be combined with "graceful"');
      if (isGraceful) return await actions.graceful(name, waits);
      const needless = Object.entries({ finishMs, maxLagWaitMs }).find(([, value]) => value !== undefined);
      if (needless) throw new TunnelError('ST_USAGE', `"${needless[0]}" needs "graceful": true`);
      return { sentinel: await actions.failover(name, isForced) };
    },
  },
};

/** Adds the routes of the actions, behind the given guards. */
export function databaseActions(
  app: Hono<AdminEnv>,
  callbacks: AdminCallbacks,
  guards: readonly [MiddlewareHandler<AdminEnv>, ...MiddlewareHandler<AdminEnv>[]],
  log: Log,
): void {
  for (const [action, { keys, act }] of Object.entries(actionsByName)) {
    app.post(`/databases/:name/${action}`, ...guards, async (context) => {
      const name = context.req.param('name');
      const names = callbacks.overview().tunnels.map((tunnel) => tunnel.name);
      if (!names.includes(name)) return refuse(context, 404, `No database "${name}"`);
      const body = await bodyOf(context);
      if (body === undefined) return refuse(context, 400, 'The request ended before its body');
      log.info('admin.acted', { who: whoOf(context), action, database: name });
      return await attempt(context, async () => await act(callbacks.actions, name, readOptions(body, keys)));
    });
  }
}

/** Runs an action and responds with its result. A TunnelError becomes the response; other errors are defects and pass through. */
export async function attempt(context: RequestContext, act: () => Promise<object>): Promise<Response> {
  try {
    return answerJson(context, { version: statusVersion, ...(await act()) });
  } catch (error) {
    if (!(error instanceof TunnelError)) throw error;
    const { message, code } = error;
    return answerJson(context, { error: message, code }, code === 'ST_USAGE' ? 400 : 409);
  }
}

/** @returns `undefined` when the connection ended first, which is no defect */
async function bodyOf(context: RequestContext): Promise<string | undefined> {
  try {
    return await context.req.text();
  } catch {
    return undefined;
  }
}

/**
 * @returns the body as an object; an empty body is an empty object
 * @throws TunnelError `ST_USAGE` when it is no JSON object or has an unknown key
 */
function readOptions(body: string, keys: readonly string[]): ActionOptions {
  if (body.trim() === '') return {};
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    throw new TunnelError('ST_USAGE', 'The body is not JSON');
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new TunnelError('ST_USAGE', 'The body is not a JSON object');
  const unknown = Object.keys(parsed).find((key) => !keys.includes(key));
  if (unknown !== undefined) {
    const expected = keys.length === 0 ? 'an empty object' : keys.map((key) => `"${key}"`).join(', ');
    throw new TunnelError('ST_USAGE', `Unknown key "${unknown}", expected ${expected}`);
  }
  return parsed as ActionOptions;
}

function flag(key: string, value: unknown): boolean {
  if (value === undefined || typeof value === 'boolean') return value === true;
  throw new TunnelError('ST_USAGE', `"${key}": expected true or false`);
}

function milliseconds(key: string, value: unknown, usual: number, most: number): number {
  if (value === undefined) return usual;
  if (typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= most) return value;
  throw new TunnelError(
    'ST_USAGE',
    `"${key}": expected milliseconds, a whole number from 1 to ${String(most)}`,
  );
}
