import type { RecordLine } from '../../tunnel/failover-record.ts';
import { onWidth, svg, textSize } from './dom.ts';
import { flagsOf, type Flag } from './flags.ts';
import { msText, shortened } from './format.ts';
import type { Lane, Span, Timeline } from './timeline.ts';

const laneHeight = 30;
const flagHeight = 20;
const axisHeight = 26;
const characterWidth = 7.4;

/** One mark in the picture. */
interface Point {
  readonly element: SVGElement;
  readonly line: RecordLine;
}

/** Draws a failover to scale. Arrow keys move through the marks; the callback receives the selected line. */
export class TimelinePicture {
  readonly #root: SVGSVGElement;
  readonly #select: (line: RecordLine | undefined) => void;
  #width = 0;
  #timeline: Timeline | undefined;
  #points: readonly Point[] = [];
  #current = 0;

  /** @param select called with the line selected by mouse or keyboard */
  constructor(container: HTMLElement, select: (line: RecordLine | undefined) => void) {
    this.#select = select;
    this.#root = svg('svg', {
      class: 'timeline',
      role: 'group',
      'aria-label': 'Failover to scale in milliseconds. Left and right arrow keys move through the messages.',
    });
    container.append(this.#root);
    this.#root.addEventListener('keydown', (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      const to =
        step === undefined ? { Home: 0, End: this.#points.length - 1 }[event.key] : this.#current + step;
      if (to === undefined) return;
      event.preventDefault();
      this.#go(to);
    });
    onWidth(container, (width) => {
      this.#width = width / (textSize() / 16);
      if (this.#timeline) this.show(this.#timeline);
    });
  }

  show(timeline: Timeline): void {
    this.#timeline = timeline;
    if (this.#width === 0) return;
    const isNarrow = this.#width < 560;
    const left = isNarrow ? 8 : 152;
    const scale = scaleOf(timeline, left, this.#width - 10);
    const { flags, rows } = flagsOf(timeline.flags, scale, this.#width);
    const head = rows * flagHeight + 6;
    const lane = isNarrow ? laneHeight + 14 : laneHeight;
    const foot = head + timeline.lanes.length * lane;
    const height = foot + axisHeight;
    this.#root.setAttribute('viewBox', `0 0 ${String(this.#width)} ${String(height)}`);
    this.#current = 0;
    const points: Point[] = [];
    this.#root.replaceChildren(
      hatching(),
      ...timeline.spans.map((span) => spanShape(span, scale, head, foot)),
      ...axis(timeline, scale, head, foot),
      ...timeline.lanes.flatMap((each, index) => {
        const middle = head + index * lane + lane / 2 + (isNarrow ? 8 : 0);
        return this.#lane(each, { middle, left, isNarrow, scale }, points);
      }),
      ...flags.map((flag) => pole(flag, foot)),
      ...flags.map(label),
    );
    this.#points = points.toSorted((a, b) => a.line.ms - b.line.ms);
    for (const [index, { element }] of this.#points.entries())
      element.setAttribute('tabindex', index === 0 ? '0' : '-1');
  }

  #lane(
    { who, lines }: Lane,
    {
      middle,
      left,
      isNarrow,
      scale,
    }: { middle: number; left: number; isNarrow: boolean; scale: (ms: number) => number },
    points: Point[],
  ): SVGElement[] {
    const label = isNarrow
      ? { x: left, y: middle - 14, class: 'who' }
      : { x: left - 14, y: middle + 4, class: 'who end' };
    const shapes: SVGElement[] = [
      svg('line', { x1: left, x2: this.#width - 10, y1: middle, y2: middle, class: 'lane' }),
      svg(
        'text',
        label,
        svg('title', {}, who),
        shortened(who, Math.floor((isNarrow ? this.#width : left) / characterWidth)),
      ),
    ];
    for (const line of lines) {
      const point = this.#point(who, line, scale(line.ms), middle);
      points.push({ element: point, line });
      shapes.push(point);
    }
    return shapes;
  }

  #point(who: string, line: RecordLine, x: number, y: number): SVGElement {
    const isOurs = who === 'tunnel';
    const element = svg(
      'g',
      { class: `point${isOurs ? ' own' : ''}`, role: 'img', 'aria-label': lineText(line) },
      svg('circle', { cx: x, cy: y, r: 11, class: 'reach' }),
      isOurs
        ? svg('path', { d: `M${String(x)} ${String(y - 6)}l6 6l-6 6l-6-6Z`, class: 'dot' })
        : svg('circle', { cx: x, cy: y, r: 4.5, class: 'dot' }),
    );
    element.addEventListener('pointerenter', () => {
      this.#select(line);
    });
    element.addEventListener('focus', () => {
      this.#current = this.#points.findIndex((point) => point.element === element);
      this.#select(line);
    });
    element.addEventListener('click', () => {
      this.#go(this.#points.findIndex((point) => point.element === element));
    });
    return element;
  }

  #go(index: number): void {
    const next = this.#points[Math.min(this.#points.length - 1, Math.max(0, index))];
    if (!next) return;
    for (const { element } of this.#points)
      element.setAttribute('tabindex', element === next.element ? '0' : '-1');
    next.element.focus();
  }
}

/** @returns one line of a record as text for screen readers */
export function lineText({ ms, who, what }: RecordLine): string {
  return `${msText(ms)}, ${who}: ${what}`;
}

function scaleOf({ fromMs, toMs }: Timeline, left: number, right: number): (ms: number) => number {
  return (ms) => Math.round((left + ((ms - fromMs) / (toMs - fromMs)) * (right - left)) * 10) / 10;
}

function pole({ x, row }: Flag, foot: number): SVGElement {
  return svg('line', { x1: x, x2: x, y1: 4 + row * flagHeight, y2: foot, class: 'pole' });
}

/** Drawn above all lines, on its own background, because a line may cross it in a narrow picture. */
function label({ text, x, row, isLeft, from, to }: Flag): SVGElement {
  const place = { x: isLeft ? x - 5 : x + 5, y: 14 + row * flagHeight };
  const ground = { x: isLeft ? from : x + 2, y: 2 + row * flagHeight, width: to - from - 2 };
  return svg(
    'g',
    {},
    svg('rect', { ...ground, height: flagHeight - 3, class: 'behind' }),
    svg('text', { ...place, class: isLeft ? 'flag end' : 'flag' }, text),
  );
}

function spanShape(
  { kind, fromMs, toMs }: Span,
  scale: (ms: number) => number,
  head: number,
  foot: number,
): SVGElement {
  const x = scale(fromMs);
  const width = Math.max(1.5, scale(toMs) - x);
  return svg(
    'g',
    { class: `span ${kind}` },
    svg('rect', { x, y: head, width, height: foot - head, class: 'ground' }),
    ...(kind === 'nothing'
      ? [svg('rect', { x, y: head, width, height: foot - head, fill: 'url(#hatching)' })]
      : []),
  );
}

function hatching(): SVGElement {
  return svg(
    'defs',
    {},
    svg(
      'pattern',
      { id: 'hatching', width: 7, height: 7, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' },
      svg('line', { x1: 0, x2: 0, y1: 0, y2: 7, class: 'hatch' }),
    ),
  );
}

function axis({ ticks }: Timeline, scale: (ms: number) => number, head: number, foot: number): SVGElement[] {
  return ticks.map((ms) => {
    const x = scale(ms);
    return svg(
      'g',
      { class: 'tick' },
      svg('line', { x1: x, x2: x, y1: head, y2: foot + 4 }),
      svg('text', { x, y: foot + 18 }, msText(Math.round(ms * 1000) / 1000)),
    );
  });
}
