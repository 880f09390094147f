#!/usr/bin/env node
import { exitCodes } from './cli/exit-codes.ts';

/** Node and its modules take about a hundred while they load. */
const leastDescriptors = 256;

try {
  // Loaded here, so that what keeps it from being loaded can be said.
  const { runProcess } = await import('./cli/process.ts');
  await runProcess(process);
} catch (error) {
  if (!isOutOfDescriptors(error)) throw error;
  process.stderr.write(
    `sentinel-tunnel: Cannot start: no file descriptor is left; raise the limit of open files (ulimit -n, LimitNOFILE) to ${String(leastDescriptors)} at least\n`,
  );
  process.exit(exitCodes.failed);
}

function isOutOfDescriptors(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? error.code : undefined;
  // Node takes a package that it cannot open for one that is not there.
  const isMissed = code === 'ERR_MODULE_NOT_FOUND' && descriptorLimit() < leastDescriptors;
  return code === 'EMFILE' || code === 'ENFILE' || isMissed || isOutOfDescriptors(error.cause);
}

/** By what Node reports of itself: nothing more may be loaded here, and /proc may be hidden. */
function descriptorLimit(): number {
  const report = process.report.getReport() as { userLimits?: { open_files?: { soft?: unknown } } };
  const soft = report.userLimits?.open_files?.soft;
  return typeof soft === 'number' ? soft : Infinity;
}
