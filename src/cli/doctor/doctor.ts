import type { Config } from '../../config/types.ts';
import { TunnelError } from '../../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Host } from '../host.ts';
import { configOf, type Flags } from '../sources.ts';
import { diagnose } from './diagnose.ts';
import { worst, type Finding } from './finding.ts';
import { gather } from './gather.ts';
import { jsonReport, textReport } from './report.ts';

export interface DoctorFlags extends Flags {
  readonly json?: boolean;
}

/**
 * Looks at the configuration, then at this machine, the Sentinels and the servers, and says what is wrong and what to do.
 *
 * @returns the exit code: 0, 1 or 2 for fine, degraded or broken
 * @throws TunnelError `ST_USAGE` where there is nothing to look at
 */
export async function doctor(flags: DoctorFlags, host: Host): Promise<number> {
  const findings = await findingsFor(flags, host);
  host.stdout.write(flags.json ? jsonReport(findings) : textReport(findings, host.stdout));
  const verdict = worst(findings);
  return { ok: exitCodes.done, degraded: exitCodes.failed, broken: exitCodes.mistaken }[verdict];
}

async function findingsFor(flags: DoctorFlags, host: Host): Promise<readonly Finding[]> {
  let config: Config;
  try {
    config = await configOf(flags, host.env);
  } catch (error) {
    if (!(error instanceof TunnelError) || error.code === 'ST_USAGE') throw error;
    return [unreadable(error)];
  }
  return diagnose(await gather(config));
}

/** Nothing can be asked: what is wrong with the file is all that is known. */
function unreadable(error: TunnelError): Finding {
  const [what = '', ...problems] = error.message.split('\n').map((line) => line.trim());
  const evidence = problems.map((answered) => ({ by: 'configuration', asked: 'what it says', answered }));
  const remedy = 'Fix the keys listed; docs/configuration.md has every key';
  return { code: 'config-invalid', severity: 'broken', what, evidence, remedy };
}
