import type { Context, Hono, MiddlewareHandler } from 'hono';
import { TunnelError } from '../errors.ts';
import type { Log } from '../telemetry/log.ts';
import { longestMaxLagWaitMs, usualMaxLagWaitMs } from '../tunnel/catch-up.ts';
import { longestFinishMs, usualFinishMs } from '../tunnel/graceful.ts';
import { longestHoldMs, usualHoldMs } from '../tunnel/route.ts';
import { answerJson, refuse, whoOf, type AdminEnv } from './guard.ts';
import type { Actions, AdminCallbacks } from './callbacks.ts';
import { statusVersion } from './status.ts';

type Asked = Context<AdminEnv>;

/** What the body of a request asks besides the action itself. */
type Wishes = Readonly<Record<string, unknown>>;

interface Action {
  /** The keys that the body may have. */
  readonly keys: readonly string[];
  /** Throws a TunnelError that says why it cannot be done; `ST_USAGE` where a wish makes no sense. */
  readonly act: (actions: Actions, name: string, wishes: Wishes) => Promise<object>;
}

/** What may be done to a database: `POST /databases/NAME/ACTION`. */
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
        throw new TunnelError('ST_USAGE', '"force" is for a failover that is not "graceful"');
      if (isGraceful) return await actions.graceful(name, waits);
      const needless = Object.entries({ finishMs, maxLagWaitMs }).find(([, value]) => value !== undefined);
      if (needless) throw new TunnelError('ST_USAGE', `"${needless[0]}" needs "graceful": true beside it`);
      return { sentinel: await actions.failover(name, isForced) };
    },
  },
};

/** Adds the routes of the actions. */
export function databaseActions(
  app: Hono<AdminEnv>,
  callbacks: AdminCallbacks,
  guards: readonly [MiddlewareHandler<AdminEnv>, ...MiddlewareHandler<AdminEnv>[]],
  log: Log,
): void {
  for (const [action, { keys, act }] of Object.entries(actionsByName)) {
    app.post(`/databases/:name/${action}`, ...guards, async (asked) => {
      const name = asked.req.param('name');
      const names = callbacks.overview().tunnels.map((tunnel) => tunnel.name);
      if (!names.includes(name)) return refuse(asked, 404, `No database "${name}"`);
      const body = await bodyOf(asked);
      if (body === undefined) return refuse(asked, 400, 'The request has ended before its body');
      log.info('admin.acted', { who: whoOf(asked), action, database: name });
      return await attempt(asked, async () => await act(callbacks.actions, name, readWishes(body, keys)));
    });
  }
}

/** Does what was asked for; what can go wrong in the world is told to whoever asked. */
export async function attempt(asked: Asked, act: () => Promise<object>): Promise<Response> {
  try {
    return answerJson(asked, { version: statusVersion, ...(await act()) });
  } catch (error) {
    if (!(error instanceof TunnelError)) throw error;
    const { message, code } = error;
    return answerJson(asked, { error: message, code }, code === 'ST_USAGE' ? 400 : 409);
  }
}

/** `undefined` where the connection has ended before it: that is no defect, and nobody is left to tell. */
async function bodyOf(asked: Asked): Promise<string | undefined> {
  try {
    return await asked.req.text();
  } catch {
    return undefined;
  }
}

/**
 * The body as an object; an empty one wishes nothing.
 *
 * @throws TunnelError `ST_USAGE`
 */
function readWishes(body: string, keys: readonly string[]): Wishes {
  if (body.trim() === '') return {};
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    throw new TunnelError('ST_USAGE', 'The body is not JSON');
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new TunnelError('ST_USAGE', 'The body is no JSON object');
  const stranger = Object.keys(parsed).find((key) => !keys.includes(key));
  if (stranger !== undefined) {
    const expected = keys.length === 0 ? 'an empty object' : keys.map((key) => `"${key}"`).join(', ');
    throw new TunnelError('ST_USAGE', `Unknown key "${stranger}", expected ${expected}`);
  }
  return parsed as Wishes;
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
