#!/usr/bin/env node
import { endWhereDescriptorsAreFew } from './cli/few-descriptors.ts';

try {
  // Loaded here, so that what keeps it from being loaded can be said.
  const { runProcess } = await import('./cli/process.ts');
  await runProcess(process);
} catch (error) {
  endWhereDescriptorsAreFew(error, process);
}
