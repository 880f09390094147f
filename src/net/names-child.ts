import { stat } from 'node:fs';
import { lookUp } from './look-up.ts';

/** What the process that looks names up is asked. */
export interface Question {
  readonly name: string;
}

/** How a process tells that it can be asked. */
const ready = 'ready';

/** The life of the process that looks names up: it answers what its parent asks, and ends with it. */
export function runNamesChild(self: NodeJS.Process): void {
  self.title = 'sentinel-tunnel: names';
  // A terminal and systemd signal the whole group. The tunnel decides when this ends: names are looked up while it drains.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) self.on(signal, () => undefined);
  // An ordinary exit waits for the threads that look names up, for as long as a name server is silent.
  self.on('disconnect', () => self.kill(self.pid, 'SIGKILL'));
  self.on('message', ({ name }: Question) => {
    lookUp(name, (found) => self.send?.({ name, found }));
  });
  // The first thing that needs a thread starts all of them, or ends the process where they are too many.
  stat(self.execPath, () => self.send?.(ready));
}
