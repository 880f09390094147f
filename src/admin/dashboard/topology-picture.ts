import { onWidth, say, svg, textSize } from './dom.ts';
import { countText, latencyText, plural, rateText, shortened } from './format.ts';
import { describe, type SentinelNode, type ServerNode, type Topology } from './topology.ts';
import { signs, type Tone } from './words.ts';

/** What moves every second, and is written into the picture without drawing it anew. */
export interface Traffic {
  readonly open: number | undefined;
  readonly held: number | undefined;
  readonly upstream: number | undefined;
  readonly downstream: number | undefined;
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const rowHeight = 62;
const rowGap = 12;
const top = 26;

/** Below this width, in our units, the picture stands instead of lying. */
const leastLying = 640;
/** Below this one the boxes are narrow, so that arrows have room between them. */
const leastWide = 740;
/** Of a character of the fixed font of 13 units. */
const characterWidth = 7.9;

/** Draws who takes part. */
export class TopologyPicture {
  readonly #root: SVGSVGElement;
  readonly #slots = new Map<string, Element>();
  #width = 0;
  #drawn = '';
  #last: { name: string; topology: Topology; traffic: Traffic } | undefined;

  constructor(container: HTMLElement) {
    this.#root = svg('svg', { role: 'img', 'aria-labelledby': 'map-title map-description', class: 'map' });
    container.append(this.#root);
    onWidth(container, (width) => {
      this.#width = width / (textSize() / 16);
      this.#drawn = '';
      if (this.#last) this.show(this.#last.name, this.#last.topology, this.#last.traffic);
    });
  }

  show(name: string, topology: Topology, traffic: Traffic): void {
    this.#last = { name, topology, traffic };
    if (this.#width === 0) return;
    const shape = JSON.stringify([name, { ...topology, sentinels: topology.sentinels.map(withoutLatency) }]);
    if (shape !== this.#drawn) this.#draw(name, topology);
    this.#drawn = shape;
    this.#fill(topology, traffic);
  }

  #fill(topology: Topology, { open, held, upstream, downstream }: Traffic): void {
    this.#write('open', open === undefined ? 'no session' : plural(open, 'session'));
    this.#write('held', `${countText(held)} waiting`);
    this.#write('upstream', `→ ${rateText(upstream)}`);
    this.#write('downstream', `← ${rateText(downstream)}`);
    this.#slots.get('held')?.setAttribute('class', (held ?? 0) > 0 ? 'note busy strong' : 'note');
    const isFlowing = (upstream ?? 0) + (downstream ?? 0) > 0;
    this.#root.classList.toggle('is-flowing', isFlowing && topology.served !== undefined);
    for (const [index, { latencyMs, tone }] of topology.sentinels.entries()) {
      // What is wrong with it takes the room.
      this.#write(`latency ${String(index)}`, tone === 'bad' ? '' : latencyText(latencyMs));
    }
  }

  #write(slot: string, text: string): void {
    const element = this.#slots.get(slot);
    if (element) say(element, text);
  }

  #draw(name: string, topology: Topology): void {
    this.#slots.clear();
    const { boxes, height } =
      this.#width < leastLying ? standing(this.#width, topology) : lying(this.#width, topology);
    this.#root.setAttribute('viewBox', `0 0 ${String(this.#width)} ${String(height)}`);
    this.#root.replaceChildren(
      svg('title', { id: 'map-title' }, `Who takes part in ${name}`),
      svg('desc', { id: 'map-description' }, describe(name, topology)),
      ...heads(boxes),
      ...this.#lines(topology, boxes),
      ...this.#applications(boxes.applications, topology),
      ...this.#tunnel(boxes.tunnel, topology),
      ...topology.servers.map((server, index) =>
        this.#server(boxes.servers[index], server, index === topology.served),
      ),
      ...topology.sentinels.map((sentinel, index) => this.#sentinel(boxes.sentinels[index], sentinel, index)),
      ...(topology.servers.length === 0 ? [nobody(boxes)] : []),
    );
  }

  #lines(topology: Topology, boxes: Boxes): SVGElement[] {
    const { servers, served, stopped } = topology;
    const lines: SVGElement[] = [];
    for (const [index, { names, tone }] of topology.sentinels.entries()) {
      const from = boxes.sentinels[index];
      const to = names === undefined ? undefined : boxes.servers[names];
      if (from && to) lines.push(curve(from, to, boxes.isStanding ? 'right' : 'left', `says ${tone}`));
    }
    lines.push(
      ...arrow(boxes.applications, boxes.tunnel, 'right', stopped === 'refused' ? 'flow bad' : 'flow'),
    );
    for (const [index] of servers.entries()) {
      const to = boxes.servers[index];
      if (!to || index !== served) continue;
      lines.push(...arrow(boxes.tunnel, to, boxes.isStanding ? 'down' : 'right', 'flow served'));
    }
    if (served === undefined) lines.push(...stop(boxes, stopped ?? 'waiting'));
    return lines;
  }

  #applications(box: Box, topology: Topology): SVGElement[] {
    const waits = topology.stopped !== undefined;
    return [
      frame(box, waits ? 'busy' : 'idle'),
      this.#slot('open', text(box.x + 12, box.y + 25, '', 'name')),
      this.#slot('held', text(box.x + 12, box.y + 46, '', 'note')),
    ];
  }

  #tunnel(box: Box, { listen, engine }: Topology): SVGElement[] {
    const most = Math.floor((box.width - 20) / characterWidth);
    const [first] = listen;
    const more = listen.length > 1 ? ` +${String(listen.length - 1)}` : '';
    const address = shortened(first?.address ?? 'nowhere', most - more.length) + more;
    return [
      frame(box, listen.every(({ isOpen }) => isOpen) ? 'own' : 'bad'),
      text(box.x + 12, box.y + 24, address, 'address', listen.map((each) => each.address).join(', ')),
      this.#slot('upstream', text(box.x + 12, box.y + 44, '', 'note')),
      this.#slot('downstream', text(box.x + 12, box.y + 62, '', 'note')),
      text(box.x + 12, box.y + 80, `engine ${engine}`, 'note'),
    ];
  }

  #server(box: Box | undefined, { address, tone, role }: ServerNode, isServed: boolean): SVGElement {
    if (!box) return svg('g');
    return svg(
      'g',
      {},
      frame(box, tone, isServed),
      ...addressed(box, address),
      sign(box, tone === 'idle' ? undefined : tone),
      text(box.x + (tone === 'idle' ? 12 : 32), box.y + 46, role, `note ${tone}`),
    );
  }

  #sentinel(box: Box | undefined, sentinel: SentinelNode, index: number): SVGElement {
    if (!box) return svg('g');
    const { address, tone, word, sentence } = sentinel;
    return svg(
      'g',
      {},
      svg('title', {}, `${address}: ${sentence}`),
      frame(box, tone),
      ...addressed(box, address),
      sign(box, tone),
      text(box.x + 32, box.y + 46, word, `note ${tone}`),
      this.#slot(`latency ${String(index)}`, text(box.x + box.width - 12, box.y + 46, '', 'note end')),
    );
  }

  #slot(name: string, element: SVGElement): SVGElement {
    this.#slots.set(name, element);
    return element;
  }
}

interface Boxes {
  readonly isStanding: boolean;
  readonly applications: Box;
  readonly tunnel: Box;
  readonly servers: readonly Box[];
  readonly sentinels: readonly Box[];
  /** Where the servers would be. */
  readonly column: Box;
}

function withoutLatency({ latencyMs: _latencyMs, ...rest }: SentinelNode): object {
  return rest;
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

function heads({ isStanding, applications, tunnel, sentinels, column }: Boxes): SVGElement[] {
  const y = isStanding ? column.y - 10 : top - 12;
  const [sentinel] = sentinels;
  return [
    text(applications.x, isStanding ? top - 8 : applications.y - 10, 'Applications', 'head'),
    text(tunnel.x, isStanding ? top - 8 : tunnel.y - 10, 'Tunnel', 'head'),
    text(isStanding ? column.x + 26 : column.x, y, 'Redis', 'head'),
    ...(sentinel ? [text(sentinel.x, y, 'Sentinels', 'head')] : []),
  ];
}

function nobody({ column }: Boxes): SVGElement {
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

function frame({ x, y, width, height }: Box, tone: Tone | 'own', isStrong = false): SVGElement {
  return svg('rect', { x, y, width, height, rx: 8, class: `box ${tone}${isStrong ? ' strong' : ''}` });
}

function addressed(box: Box, address: string): SVGElement[] {
  const most = Math.floor((box.width - 20) / characterWidth);
  return [text(box.x + 12, box.y + 25, shortened(address, most), 'address', address)];
}

function sign({ x, y }: Box, tone: Tone | undefined): SVGElement {
  if (!tone) return svg('g');
  return svg(
    'g',
    { class: `sign ${tone}` },
    svg('circle', { cx: x + 19, cy: y + 42, r: 7.5 }),
    text(x + 19, y + 46, signs[tone], 'mark'),
  );
}

function text(x: number, y: number, content: string, kind: string, title?: string): SVGElement {
  const element = svg('text', { x, y, class: kind }, content);
  if (title !== undefined && title !== content) {
    return svg('g', {}, svg('title', {}, title), element);
  }
  return element;
}

/** From a Sentinel to the server it names, ending in a dot there. */
function curve(from: Box, to: Box, towards: 'left' | 'right', kind: string): SVGElement {
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

function arrow(from: Box, to: Box, towards: 'right' | 'down', kind: string): SVGElement[] {
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
function stop({ isStanding, tunnel, column }: Boxes, word: string): SVGElement[] {
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
