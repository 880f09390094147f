#!/usr/bin/env node
import { exitCodes } from './cli/exit-codes.ts';

try {
  // Loaded here, so that what keeps it from being loaded can be said.
  const { runProcess } = await import('./cli/process.ts');
  await runProcess(process);
} catch (error) {
  if (!isOutOfDescriptors(error)) throw error;
  process.stderr.write(
    'sentinel-tunnel: Cannot start: no file descriptor is left; raise the limit of open files (ulimit -n, LimitNOFILE) to 256 at least\n',
  );
  process.exit(exitCodes.failed);
}

function isOutOfDescriptors(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? error.code : undefined;
  return code === 'EMFILE' || code === 'ENFILE' || isOutOfDescriptors(error.cause);
}
