/** What the tunnel's process is made of at one moment, after a collection of garbage, without any session. */
export interface Measured {
  readonly heapMiB: number;
  readonly residentMiB: number;
  /** 0 where there is no /proc. */
  readonly descriptors: number;
  /** Open handles and timers by kind: `process.getActiveResourcesInfo()`. */
  readonly resources: Readonly<Record<string, number>>;
  readonly sessions: number;
  readonly admitted: number;
  readonly stories: number;
  readonly generation: number;
}

export interface Point extends Measured {
  /** After how many failovers. */
  readonly failovers: number;
}

const heapRoomMiB = 4;
/** Stories are kept on purpose, the last hundred of them. */
const storyRoomMiB = 0.1;
const residentRoomMiB = 48;
const descriptorRoom = 4;
const resourceRoom = 3;

/** What has grown between two measurements; empty when all is flat. */
export function growths(before: Measured, after: Measured): readonly string[] {
  const grown: string[] = [];
  const compare = (what: string, from: number, to: number, room: number): void => {
    if (to - from > room) grown.push(`${what} grew from ${from.toFixed(1)} to ${to.toFixed(1)}`);
  };
  const stories = after.stories - before.stories;
  compare('the heap (MiB)', before.heapMiB, after.heapMiB, heapRoomMiB + stories * storyRoomMiB);
  compare('resident memory (MiB)', before.residentMiB, after.residentMiB, residentRoomMiB);
  compare('the number of descriptors', before.descriptors, after.descriptors, descriptorRoom);
  for (const [kind, count] of Object.entries(after.resources)) {
    compare(`the number of open ${kind}`, before.resources[kind] ?? 0, count, resourceRoom);
  }
  return grown;
}
