import { runCli } from './cli.ts';
import { hostOf, leave } from './host.ts';

/** How long a reader of our output that has stopped, or a disk, may keep a program that is done, in milliseconds. */
const partingMs = 1000;

/** Does what the process was started for, and ends it with the exit code of that. */
export async function runProcess(self: NodeJS.Process): Promise<void> {
  self.exitCode = await runCli(self.argv.slice(2), hostOf(self));
  setTimeout(leave, partingMs, self).unref();
}
