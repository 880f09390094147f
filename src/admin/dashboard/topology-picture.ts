import { onWidth, say, svg, textSize } from './dom.ts';
import { count } from '../wording.ts';
import { countText, latencyText, rateText, shortened } from './format.ts';
import { layOut, type Box, type Boxes } from './topology-layout.ts';
import {
  addressed,
  arrow,
  charactersIn,
  curve,
  frame,
  haveRoom,
  heads,
  nobody,
  note,
  sign,
  stop,
  text,
} from './topology-shapes.ts';
import { describe, type SentinelNode, type ServerNode, type Topology } from './topology.ts';

/** Values that change every second. They are updated without redrawing the picture. */
export interface Traffic {
  readonly open: number | undefined;
  readonly held: number | undefined;
  readonly upstream: number | undefined;
  readonly downstream: number | undefined;
}

/** Draws the topology. Redraws it when it changes, and only updates the traffic otherwise. */
export class TopologyPicture {
  readonly #root: SVGSVGElement;
  readonly #slots = new Map<string, Element>();
  #width = 0;
  #sentinelBoxes: readonly Box[] = [];
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
    this.#write('open', open === undefined ? 'no session' : count(open, 'session'));
    this.#write('held', `${countText(held)} waiting`);
    this.#write('upstream', `→ ${rateText(upstream)}`);
    this.#write('downstream', `← ${rateText(downstream)}`);
    this.#slots.get('held')?.setAttribute('class', (held ?? 0) > 0 ? 'note busy strong' : 'note');
    const isFlowing = (upstream ?? 0) + (downstream ?? 0) > 0;
    this.#root.classList.toggle('is-flowing', isFlowing && topology.served !== undefined);
    for (const [index, { latencyMs, tone, word }] of topology.sentinels.entries()) {
      const box = this.#sentinelBoxes[index];
      const latency = latencyText(latencyMs);
      // Its reply needs the room; the table has both.
      const isShown = tone !== 'bad' && box !== undefined && haveRoom(box, word, latency);
      this.#write(`latency ${String(index)}`, isShown ? latency : '');
    }
  }

  #write(slot: string, text: string): void {
    const element = this.#slots.get(slot);
    if (element) say(element, text);
  }

  #draw(name: string, topology: Topology): void {
    this.#slots.clear();
    const { boxes, height } = layOut(this.#width, topology);
    this.#sentinelBoxes = boxes.sentinels;
    this.#root.setAttribute('viewBox', `0 0 ${String(this.#width)} ${String(height)}`);
    this.#root.replaceChildren(
      svg('title', { id: 'map-title' }, `Topology of ${name}`),
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
    const [first] = listen;
    const more = listen.length > 1 ? ` +${String(listen.length - 1)}` : '';
    const address = shortened(first?.address ?? 'nowhere', charactersIn(box) - more.length) + more;
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
      note(box, role, tone),
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
      note(box, word, tone),
      this.#slot(`latency ${String(index)}`, text(box.x + box.width - 12, box.y + 46, '', 'note end')),
    );
  }

  #slot(name: string, element: SVGElement): SVGElement {
    this.#slots.set(name, element);
    return element;
  }
}

function withoutLatency({ latencyMs: _latencyMs, ...rest }: SentinelNode): object {
  return rest;
}
