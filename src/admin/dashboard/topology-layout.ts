import type { Topology } from './topology.ts';

/** The place of an element, in units of the picture. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** The height of the box of a server or a Sentinel. */
export const rowHeight = 62;
const rowGap = 12;
/** The top of the highest box, below the headings. */
export const top = 26;

/** Below this width, in units of the picture, the layout is vertical. */
const leastLying = 640;
/** Below this one the boxes are narrow, so that arrows have room between them. */
const leastWide = 740;

/** The place of every element. */
export interface Boxes {
  readonly isStanding: boolean;
  readonly applications: Box;
  readonly tunnel: Box;
  readonly servers: readonly Box[];
  readonly sentinels: readonly Box[];
  /** Where the servers would be. */
  readonly column: Box;
}

/** @returns the place of every element in a picture of this width, and the height of the picture */
export function layOut(width: number, topology: Topology): { boxes: Boxes; height: number } {
  return width < leastLying ? standing(width, topology) : lying(width, topology);
}

function stack(count: number, x: number, y: number, width: number): Box[] {
  return Array.from({ length: count }, (_, index) => ({
    x,
    y: y + index * (rowHeight + rowGap),
    width,
    height: rowHeight,
  }));
}

/** Left to right: sessions, tunnel, servers, and the Sentinels that point back at them. */
function lying(width: number, { servers, sentinels }: Topology): { boxes: Boxes; height: number } {
  const rows = Math.max(servers.length, sentinels.length, 2);
  const height = rows * (rowHeight + rowGap) - rowGap;
  const w =
    width < leastWide
      ? { applications: 104, tunnel: 148, servers: 152, sentinels: 152 }
      : { applications: 112, tunnel: 158, servers: 178, sentinels: 178 };
  const sum = w.applications + w.tunnel + w.servers + w.sentinels;
  const gap = (width - 4 - sum) / 3;
  const x = {
    applications: 2,
    tunnel: 2 + w.applications + gap * 0.8,
    servers: 2 + w.applications + w.tunnel + gap * 1.9,
    sentinels: width - 2 - w.sentinels,
  };
  const middle = (boxHeight: number): number => top + Math.max(0, (height - boxHeight) / 2);
  const column = { x: x.servers, y: top, width: w.servers, height };
  const shift = (count: number): number => top + (height - (count * (rowHeight + rowGap) - rowGap)) / 2;
  return {
    boxes: {
      isStanding: false,
      applications: { x: x.applications, y: middle(rowHeight), width: w.applications, height: rowHeight },
      tunnel: { x: x.tunnel, y: middle(94), width: w.tunnel, height: 94 },
      servers: stack(servers.length, x.servers, shift(servers.length), w.servers),
      sentinels: stack(sentinels.length, x.sentinels, shift(sentinels.length), w.sentinels),
      column,
    },
    height: top + height + 4,
  };
}

/** For a telephone: sessions and tunnel above, the Sentinels and the servers that they name below. */
function standing(width: number, { servers, sentinels }: Topology): { boxes: Boxes; height: number } {
  const gap = Math.max(22, width * 0.09);
  const half = (width - 4 - gap) / 2;
  const right = 2 + half + gap;
  const below = top + 94 + 60;
  const rows = Math.max(servers.length, sentinels.length, 1);
  return {
    boxes: {
      isStanding: true,
      applications: { x: 2, y: top + 16, width: half, height: rowHeight },
      tunnel: { x: right, y: top, width: half, height: 94 },
      servers: stack(servers.length, right, below, half),
      sentinels: stack(sentinels.length, 2, below, half),
      column: { x: right, y: below, width: half, height: rowHeight },
    },
    height: below + rows * (rowHeight + rowGap) - rowGap + 4,
  };
}
