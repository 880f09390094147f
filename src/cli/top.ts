import type { Status } from '../admin/status.ts';
import { TunnelError, messageOf } from '../errors.ts';
import { sleep } from '../lifecycle/sleep.ts';
import { AdminClient } from './admin-client.ts';
import { adminPlaceOf, type AdminFlags } from './admin-place.ts';
import { readStatus } from './admin-reads.ts';
import { eventOf, type ReadEvent } from './events.ts';
import { exitCodes } from './exit-codes.ts';
import type { Host } from './host.ts';
import { painter } from './plain.ts';
import { printable } from '../printable.ts';
import type { Terminal } from './terminal.ts';
import { frame, type Look } from './top-frame.ts';

export interface TopFlags extends AdminFlags {
  readonly interval?: string;
}

const usualIntervalMs = 1_000;
const leastIntervalMs = 100;
const mostIntervalMs = 60_000;
/** More than any terminal has lines. */
const mostEvents = 200;
/** Events come in bursts: one look for those of so many milliseconds. */
const burstMs = 30;
/** How long an answer may take before the tunnel counts as out of touch, in milliseconds. */
const answerMs = 3_000;
const retryMs = 1_000;
/** Without a terminal there is no size. */
const paper = { columns: 120, rows: 60 } as const;

/** Shows a running tunnel live until `q` or a signal ends it. Without a terminal one look is printed. */
export async function top(flags: TopFlags, host: Host): Promise<number> {
  const intervalMs = intervalOf(flags.interval);
  const client = new AdminClient(await adminPlaceOf(flags, host.env));
  // A wrong address is reported before the screen is taken.
  const first = await readStatus(client);
  const { terminal } = host;
  const seen = new Seen(client, first, intervalMs);
  if (terminal) await live(terminal, seen, intervalMs, host);
  else await once(seen, intervalMs, host);
  return exitCodes.done;
}

function intervalOf(text: string | undefined): number {
  if (text === undefined) return usualIntervalMs;
  const ms = /^\d{1,3}(\.\d{1,3})?$/.test(text) ? Number(text) * 1_000 : Number.NaN;
  if (ms >= leastIntervalMs && ms <= mostIntervalMs) return ms;
  throw new TunnelError('ST_USAGE', `--interval: expected seconds from 0.1 to 60, got "${printable(text)}"`);
}

async function once(seen: Seen, intervalMs: number, host: Host): Promise<void> {
  host.stderr.write('sentinel-tunnel: Not a terminal, so this is one look (and one more for the rates)\n');
  const ending = new AbortController();
  const following = seen.follow(ending.signal, () => undefined);
  await sleep(intervalMs, ending.signal);
  await seen.look();
  ending.abort();
  await following;
  const lines = frame(seen.present(), { ...paper, isLive: false }, painter(false));
  host.stdout.write(`${lines.join('\n').trimEnd()}\n`);
}

async function live(terminal: Terminal, seen: Seen, intervalMs: number, host: Host): Promise<void> {
  const ending = new AbortController();
  const { signal } = ending;
  const end = (): void => {
    ending.abort();
  };
  let wake: () => void = () => undefined;
  const paint = painter(host.stdout.isColoured);
  const draw = (): void => {
    const lines = frame(seen.present(), { ...terminal.size(), isLive: true }, paint);
    // From the top, each line over the one that was there, and nothing below the last.
    host.stdout.write(`\u001b[H${lines.map((line) => `${line}\u001b[K`).join('\r\n')}\u001b[J`);
  };
  const pressed = (keys: string): void => {
    // Without its signals a terminal sends ^C and ^D as bytes.
    if (/[qQ\u0003\u0004]/.test(keys)) end();
    else wake();
  };
  const forget = [
    ...(['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((name) => host.onSignal(name, end)),
    host.stdout.onGone(end),
  ];
  const giveBack = terminal.takeOver(pressed, draw);
  try {
    draw();
    const following = seen.follow(signal, () => {
      wake();
    });
    for (;;) {
      await pause(intervalMs, signal, (set) => (wake = set));
      wake = () => undefined;
      await Promise.race([seen.look(), aborted(signal)]);
      if (signal.aborted) break;
      draw();
    }
    await following;
  } finally {
    giveBack();
    for (const each of forget) each();
  }
}

/** Waits for the time, or for being woken, or for the end. */
function pause(ms: number, signal: AbortSignal, take: (wake: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    let burst: NodeJS.Timeout | undefined;
    const over = (): void => {
      clearTimeout(timer);
      clearTimeout(burst);
      signal.removeEventListener('abort', over);
      resolve();
    };
    const timer = setTimeout(over, ms);
    signal.addEventListener('abort', over, { once: true });
    take(() => {
      burst ??= setTimeout(over, burstMs);
    });
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else
      signal.addEventListener(
        'abort',
        () => {
          resolve();
        },
        { once: true },
      );
  });
}

/** What has been seen of a tunnel so far. */
class Seen {
  readonly #client: AdminClient;
  readonly #intervalMs: number;
  #before: Status | undefined;
  #status: Status;
  #seenMs = performance.now();
  #trouble: string | undefined;
  #events: ReadEvent[] = [];

  constructor(client: AdminClient, status: Status, intervalMs: number) {
    this.#client = client;
    this.#status = status;
    this.#intervalMs = intervalMs;
  }

  present(): Look {
    return {
      where: this.#client.where,
      status: this.#status,
      before: this.#before,
      events: this.#events,
      trouble: this.#trouble,
      agoMs: performance.now() - this.#seenMs,
      intervalMs: this.#intervalMs,
    };
  }

  /** Asks for the status; what goes wrong is what there is to show then. */
  async look(): Promise<void> {
    try {
      const status = await readStatus(this.#client, answerMs);
      const passedMs = status.program.uptimeMs - this.#status.program.uptimeMs;
      // A hurried look would make rates of next to nothing; one of another run has no rates with this one.
      if (passedMs < 0) this.#before = undefined;
      else if (passedMs >= this.#intervalMs / 2 || !this.#before) this.#before = this.#status;
      this.#status = status;
      this.#seenMs = performance.now();
      this.#trouble = undefined;
    } catch (error) {
      this.#trouble = messageOf(error);
    }
  }

  /** Follows the events until the signal ends it; events of a database are reported at once. */
  async follow(signal: AbortSignal, hurried: () => void): Promise<void> {
    let lastId: string | undefined;
    const path = '/events?level=info&last=50';
    while (!signal.aborted) {
      try {
        await this.#client.follow(
          path,
          lastId,
          (frame) => {
            const event = eventOf(frame);
            if (!event) return;
            lastId = event.id;
            this.#events = [...this.#events, event].slice(-mostEvents);
            hurried();
          },
          signal,
        );
      } catch (error) {
        // The looks tell of a tunnel that is out of touch; one that lets nobody follow is shown without events.
        if (!(error instanceof TunnelError)) throw error;
      }
      await sleep(retryMs, signal).catch(() => undefined); // the only reason is that it is to end
    }
  }
}
