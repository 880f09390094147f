import type { Config } from '../../config/types.ts';
import { TunnelError } from '../../errors.ts';
import { AdminClient, type AdminPlace } from '../admin-client.ts';
import { adminPlaceOf } from '../admin-place.ts';
import { exitCodes } from '../exit-codes.ts';
import { findAdmin } from '../find-admin.ts';
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
 * Checks the configuration, this machine, the Sentinels and the servers, and prints what is wrong and what to do.
 *
 * @returns the exit code: 0, 1 or 2 for fine, degraded or broken
 * @throws TunnelError `ST_USAGE` where there is nothing to look at
 */
export async function doctor(flags: DoctorFlags, host: Host): Promise<number> {
  const findings = await findingsFor(flags, host);
  host.stdout.write(flags.json ? jsonReport(findings) : textReport(findings, host.stdout));
  const severity = worst(findings);
  return { ok: exitCodes.done, degraded: exitCodes.failed, broken: exitCodes.mistaken }[severity];
}

async function findingsFor(flags: DoctorFlags, host: Host): Promise<readonly Finding[]> {
  let config: Config;
  try {
    config = await configOf(flags, host.env);
  } catch (error) {
    if (!(error instanceof TunnelError) || error.code === 'ST_USAGE') throw error;
    return [await unreadable(error, flags, host)];
  }
  return diagnose(await gather(config));
}

/** No Sentinel can be queried. A running tunnel keeps the configuration that it read before, and may serve every client. */
async function unreadable(error: TunnelError, flags: Flags, host: Host): Promise<Finding> {
  const [problem = '', ...problems] = error.message.split('\n').map((line) => line.trim());
  const evidence = problems.map((answered) => ({ by: 'configuration', asked: 'what it says', answered }));
  const remedy = 'Fix the keys listed; docs/configuration.md has every key';
  const running = await runningTunnel(flags, host);
  if (!running) return { code: 'config-invalid', severity: 'broken', what: problem, evidence, remedy };
  const { where, isReady, reasons } = running;
  const serves = isReady ? 'serves every database' : `is not ready (${reasons.join('; ')})`;
  return {
    code: 'config-invalid',
    severity: isReady ? 'degraded' : 'broken',
    what: `${problem.replace(/:$/, '')}; the tunnel that runs at ${where} ${serves} by the configuration that it has read before`,
    evidence: [...evidence, { by: where, asked: '/readyz', answered: isReady ? 'ready' : 'not ready' }],
    remedy: `${remedy}. Until then a reload is refused, and a restart would fail`,
  };
}

/** A file that cannot be parsed names no admin listener: its tunnel may be at one of the usual addresses. */
async function placeOf(flags: Flags, env: Host['env']): Promise<AdminPlace> {
  try {
    return await adminPlaceOf(flags, env, false);
  } catch (error) {
    if (!(error instanceof TunnelError) || error.code !== 'ST_CONFIG_INVALID') throw error;
    return { address: await findAdmin(), token: undefined };
  }
}

interface Running {
  readonly where: string;
  readonly isReady: boolean;
  readonly reasons: readonly string[];
}

/** The tunnel of this file, where its admin listener can be found; /readyz needs no token. */
async function runningTunnel(flags: Flags, { env }: Host): Promise<Running | undefined> {
  try {
    const client = new AdminClient(await placeOf(flags, env));
    const { text } = await client.ask('/readyz');
    const { ready, reasons } = JSON.parse(text) as { readonly ready?: unknown; readonly reasons?: unknown };
    if (typeof ready !== 'boolean' || !Array.isArray(reasons)) return undefined;
    return { where: client.where, isReady: ready, reasons: reasons.map(String) };
  } catch {
    return undefined; // nothing listens there, or another program
  }
}
