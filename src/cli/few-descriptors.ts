import { exitCodes } from './exit-codes.ts';

/** Node and its modules take about a hundred while they load. */
const leastDescriptors = 256;

/** What is needed of the process. */
interface Self {
  readonly stderr: { write(text: string): unknown };
  readonly report: { getReport(): unknown };
  exit(code: number): unknown;
}

/**
 * Ends a process that cannot start for want of file descriptors, in one sentence. It loads nothing more itself, as nothing more
 * can be loaded.
 *
 * @throws the error, where it comes from something else
 */
export function endWhereDescriptorsAreFew(error: unknown, self: Self): void {
  if (!isOutOfDescriptors(error, self)) throw error;
  self.stderr.write(
    `sentinel-tunnel: Cannot start: no file descriptor is left; raise the limit of open files (ulimit -n, LimitNOFILE) to ${String(leastDescriptors)} at least\n`,
  );
  self.exit(exitCodes.failed);
}

function isOutOfDescriptors(error: unknown, self: Self): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? error.code : undefined;
  // Node takes a package that it cannot open for one that is not there.
  const isMissed = code === 'ERR_MODULE_NOT_FOUND' && descriptorLimit(self) < leastDescriptors;
  return code === 'EMFILE' || code === 'ENFILE' || isMissed || isOutOfDescriptors(error.cause, self);
}

/** By what Node reports of itself: /proc may be hidden. */
function descriptorLimit(self: Self): number {
  const report = self.report.getReport() as { userLimits?: { open_files?: { soft?: unknown } } };
  const soft = report.userLimits?.open_files?.soft;
  return typeof soft === 'number' ? soft : Infinity;
}
