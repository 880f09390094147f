import { svg } from './dom.ts';
import { shortened } from './format.ts';
import { rowHeight, top, type Box, type Boxes } from './topology-layout.ts';
import type { Tone } from '../wording.ts';
import { signs } from './words.ts';

/** Of a character of the fixed font of 13 units. */
const characterWidth = 7.9;
/** Of a character of the other font of 13 units, on average, in the widest fonts that systems have for it. */
const noteCharacterWidth = 7.4;
/** Where the text beside a sign begins, from the left edge of its box. */
const besideSign = 32;

/** The headings: who stands below each. */
export function heads({ isStanding, applications, tunnel, sentinels, column }: Boxes): SVGElement[] {
  const y = isStanding ? column.y - 10 : top - 12;
  const [sentinel] = sentinels;
  return [
    text(applications.x, isStanding ? top - 8 : applications.y - 10, 'Applications', 'head'),
    text(tunnel.x, isStanding ? top - 8 : tunnel.y - 10, 'Tunnel', 'head'),
    text(isStanding ? column.x + 26 : column.x, y, 'Redis', 'head'),
    ...(sentinel ? [text(sentinel.x, y, 'Sentinels', 'head')] : []),
  ];
}

/** What stands in the place of the servers where none is known. */
export function nobody({ column }: Boxes): SVGElement {
  return svg(
    'g',
    {},
    svg('rect', {
      ...{ x: column.x, y: column.y + column.height / 2 - 31, width: column.width, height: rowHeight, rx: 8 },
      class: 'box nobody',
    }),
    text(column.x + 12, column.y + column.height / 2 + 5, 'no server known', 'note'),
  );
}

/** The box itself. */
export function frame({ x, y, width, height }: Box, tone: Tone | 'own', isStrong = false): SVGElement {
  return svg('rect', { x, y, width, height, rx: 8, class: `box ${tone}${isStrong ? ' strong' : ''}` });
}

/** How many characters of an address have room in a box. */
export function charactersIn({ width }: Box): number {
  return Math.floor((width - 20) / characterWidth);
}

/** The address on the first line of a box, whole where one points at it. */
export function addressed(box: Box, address: string): SVGElement[] {
  return [text(box.x + 12, box.y + 25, shortened(address, charactersIn(box)), 'address', address)];
}

/** The second line of a box, beside its sign where it has one; cut off where the box ends, whole where one points at it. */
export function note(box: Box, content: string, tone: Tone): SVGElement {
  const x = tone === 'idle' ? 12 : besideSign;
  const most = Math.floor((box.width - x - 6) / noteCharacterWidth);
  const shown = content.length <= most ? content : `${content.slice(0, most - 1)}…`;
  return text(box.x + x, box.y + 46, shown, `note ${tone}`, shown === content ? undefined : content);
}

/** Whether a box has room for both on its second line, the sign before them. */
export function haveRoom({ width }: Box, left: string, right: string): boolean {
  return besideSign + (left.length + 1 + right.length) * noteCharacterWidth + 12 <= width;
}

/** The sign of a tone, for those who do not see its colour. Nothing where there is no tone. */
export function sign({ x, y }: Box, tone: Tone | undefined): SVGElement {
  if (!tone) return svg('g');
  return svg(
    'g',
    { class: `sign ${tone}` },
    svg('circle', { cx: x + 19, cy: y + 42, r: 7.5 }),
    text(x + 19, y + 46, signs[tone], 'mark'),
  );
}

/** A line of text. `title` is shown where one points at it, if it says something else. */
export function text(x: number, y: number, content: string, kind: string, title?: string): SVGElement {
  const element = svg('text', { x, y, class: kind }, content);
  if (title !== undefined && title !== content) {
    return svg('g', {}, svg('title', {}, title), element);
  }
  return element;
}

/** From a Sentinel to the server it names, ending in a dot there. */
export function curve(from: Box, to: Box, towards: 'left' | 'right', kind: string): SVGElement {
  const isLeft = towards === 'left';
  const x1 = isLeft ? from.x : from.x + from.width;
  const x2 = isLeft ? to.x + to.width + 5 : to.x - 5;
  const y1 = from.y + from.height / 2;
  const y2 = to.y + to.height / 2;
  const bend = (x1 + x2) / 2;
  return svg(
    'g',
    { class: kind },
    svg('path', {
      d: `M${fixed(x1)} ${fixed(y1)}C${fixed(bend)} ${fixed(y1)} ${fixed(bend)} ${fixed(y2)} ${fixed(x2)} ${fixed(y2)}`,
    }),
    svg('circle', { cx: x2, cy: y2, r: 3.5 }),
  );
}

/** From one box to another, in the direction of the connections. */
export function arrow(from: Box, to: Box, towards: 'right' | 'down', kind: string): SVGElement[] {
  const isDown = towards === 'down';
  // Downwards it goes along the edge, past the heading, so that it meets no other box on its way.
  const x1 = isDown ? from.x + 14 : from.x + from.width;
  const y1 = isDown ? from.y + from.height : from.y + from.height / 2;
  const x2 = isDown ? to.x + 14 : to.x - 7;
  const y2 = isDown ? to.y - 7 : to.y + to.height / 2;
  const bend = (x1 + x2) / 2;
  const d = isDown
    ? `M${fixed(x1)} ${fixed(y1)}L${fixed(x2)} ${fixed(y2)}`
    : `M${fixed(x1)} ${fixed(y1)}C${fixed(bend)} ${fixed(y1)} ${fixed(bend)} ${fixed(y2)} ${fixed(x2)} ${fixed(y2)}`;
  const head = isDown
    ? `M${fixed(x2 - 5)} ${fixed(y2 - 2)}L${fixed(x2)} ${fixed(y2 + 6)}L${fixed(x2 + 5)} ${fixed(y2 - 2)}Z`
    : `M${fixed(x2 - 2)} ${fixed(y2 - 5)}L${fixed(x2 + 6)} ${fixed(y2)}L${fixed(x2 - 2)} ${fixed(y2 + 5)}Z`;
  return [svg('g', { class: kind }, svg('path', { d }), svg('path', { d: head, class: 'head' }))];
}

/** The line that leads nowhere now. */
export function stop({ isStanding, tunnel, column }: Boxes, word: string): SVGElement[] {
  const x1 = isStanding ? tunnel.x + 14 : tunnel.x + tunnel.width;
  const y1 = isStanding ? tunnel.y + tunnel.height : tunnel.y + tunnel.height / 2;
  const x2 = isStanding ? x1 : x1 + (column.x - x1) * 0.5;
  const y2 = isStanding ? y1 + 22 : y1;
  return [
    svg(
      'g',
      { class: 'stop' },
      svg('title', {}, `New connections: ${word}`),
      svg('path', { d: `M${fixed(x1)} ${fixed(y1)}L${fixed(x2)} ${fixed(y2)}` }),
      isStanding
        ? svg('path', { d: `M${fixed(x2 - 8)} ${fixed(y2)}H${fixed(x2 + 8)}` })
        : svg('path', { d: `M${fixed(x2)} ${fixed(y2 - 9)}V${fixed(y2 + 9)}` }),
    ),
  ];
}

function fixed(value: number): string {
  return value.toFixed(1);
}
