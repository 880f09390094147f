import { TunnelError } from '../errors.ts';
import { AdminClient, type AdminAnswer } from './admin-client.ts';
import { adminPlaceOf, type AdminFlags } from './admin-place.ts';
import { exitCodes } from './exit-codes.ts';
import type { Host } from './host.ts';
import { printable } from '../printable.ts';

export interface HealthFlags extends AdminFlags {
  readonly ready?: boolean;
  readonly started?: boolean;
}

/** Less than the five seconds after which those who run probes give up, in milliseconds. */
const answerMs = 4_000;

/**
 * Asks the tunnel that runs here, by its admin listener, whether it is well; a probe for those who run containers.
 *
 * @returns the exit code: done where it is, failed where it is not or does not answer
 */
export async function health(flags: HealthFlags, host: Host): Promise<number> {
  if (flags.ready && flags.started) {
    throw new TunnelError('ST_USAGE', 'Give --ready or --started, not both');
  }
  const client = new AdminClient(await adminPlaceOf(flags, host.env, false));
  const [path, word] = flags.ready
    ? (['/readyz', 'ready'] as const)
    : flags.started
      ? (['/startupz', 'started'] as const)
      : (['/livez', 'live'] as const);
  let answer: AdminAnswer;
  try {
    answer = await client.ask(path, { withinMs: answerMs });
  } catch (error) {
    if (!(error instanceof TunnelError)) throw error;
    host.stderr.write(`not ${word}: ${error.message}\n`);
    return exitCodes.failed;
  }
  if (answer.status === 200) {
    host.stdout.write(`${word}\n`);
    return exitCodes.done;
  }
  const told = printable(answer.text.trim());
  host.stderr.write(`not ${word}: ${told}\n`);
  return exitCodes.failed;
}
