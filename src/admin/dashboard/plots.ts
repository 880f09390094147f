import uPlot from 'uplot';
import { byId, colour, html, onSize, say, textSize } from './dom.ts';
import { countText, rateText } from './format.ts';
import type { Outage } from './outages.ts';
import { shownSeconds, summary, topOf, type Sample, type Series } from './series.ts';

/** One line of a plot. */
interface LineOf {
  readonly label: string;
  readonly colour: string;
  readonly isDashed: boolean;
  readonly value: (sample: Sample) => number | null;
}

interface PlotOptions {
  /** The id of its section. */
  readonly id: string;
  readonly lines: readonly [LineOf, LineOf];
  readonly text: (value: number | undefined) => string;
  /** The least height of the scale. */
  readonly least: number;
}

const plots: readonly PlotOptions[] = [
  {
    id: 'throughput',
    lines: [
      { label: 'To Redis', colour: 'line-one', isDashed: false, value: ({ upstream }) => upstream },
      { label: 'To clients', colour: 'line-two', isDashed: true, value: ({ downstream }) => downstream },
    ],
    text: rateText,
    least: 1000,
  },
  {
    id: 'sessions',
    lines: [
      { label: 'Open', colour: 'line-one', isDashed: false, value: ({ open }) => open },
      { label: 'Waiting', colour: 'busy', isDashed: true, value: ({ held }) => held },
    ],
    text: countText,
    least: 4,
  },
];

/** The plots of the selected database. */
export class Plots {
  readonly #plots = plots.map((options) => new Plot(options));

  show(series: Series, outages: readonly Outage[], nowSeconds: number): void {
    for (const plot of this.#plots) plot.show(series, outages, nowSeconds);
  }

  /** Redraws with the present colours of the page. */
  repaint(): void {
    for (const plot of this.#plots) plot.build();
  }
}

class Plot {
  readonly #options: PlotOptions;
  readonly #container: HTMLElement;
  readonly #cells: readonly (readonly HTMLElement[])[];
  #plot: uPlot | undefined;
  #width = 0;
  #height = 0;
  #data: uPlot.AlignedData = [[], [], []];
  #range: [number, number] = [0, shownSeconds];
  #outages: readonly Outage[] = [];

  constructor(options: PlotOptions) {
    this.#options = options;
    this.#container = byId(`${options.id}-plot`);
    this.#cells = this.#legend();
    onSize(this.#container, (width, height) => {
      this.#width = width;
      this.#height = height;
      this.build();
    });
  }

  show({ samples }: Series, outages: readonly Outage[], nowSeconds: number): void {
    const { lines, text } = this.#options;
    const values = lines.map(({ value }) => samples.map(value));
    this.#data = [samples.map(({ at }) => at), values[0] ?? [], values[1] ?? []];
    this.#range = [nowSeconds - shownSeconds, nowSeconds];
    this.#outages = outages;
    for (const [index, cells] of this.#cells.entries()) {
      const { now, mean, peak } = summary(values[index] ?? []);
      for (const [column, value] of [now, mean, peak].entries()) {
        const cell = cells[column];
        if (cell) say(cell, text(value));
      }
    }
    this.#plot?.setData(this.#data);
  }

  build(): void {
    this.#plot?.destroy();
    if (this.#width === 0) return;
    const size = textSize();
    const { lines, text, least } = this.#options;
    const axis = {
      stroke: colour('muted'),
      font: `${String(size * 0.75)}px system-ui, sans-serif`,
      grid: { stroke: colour('grid'), width: 1 },
      ticks: { show: false },
    };
    const options: uPlot.Options = {
      width: this.#width,
      height: this.#height,
      padding: [size * 0.5, size * 0.75, 0, 0],
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, points: { size: 7 } },
      scales: {
        x: { time: true, range: () => this.#range },
        y: { range: (_plot, _low, high) => [0, topOf(high || 0, least)] },
      },
      axes: [
        {
          ...axis,
          size: size * 1.8,
          gap: size * 0.5,
          space: size * 6,
          // No label where the two axes meet, because it would cover one of the other axis.
          values: (_plot, times) =>
            times.map((at) => (at < this.#range[0] + 30 ? '' : agoText(this.#range[1] - at))),
          splits: () => minutes(this.#range, this.#width < size * 24 ? 5 : 2),
        },
        {
          ...axis,
          size: size * 4.6,
          gap: size * 0.3,
          // Always the top, so that the height of a line can be read.
          splits: (_plot, _axis, _low, high) => (this.#height < size * 8 ? [0, high] : [0, high / 2, high]),
          values: (_plot, values) => values.map((value) => (value === 0 ? '0' : text(value))),
        },
      ],
      series: [
        {},
        ...lines.map((line) => ({
          label: line.label,
          stroke: colour(line.colour),
          width: 2,
          points: { show: false },
          ...(line.isDashed && { dash: [6, 4] }),
        })),
      ],
      hooks: {
        drawClear: [
          (plot) => {
            this.#shade(plot);
          },
        ],
      },
    };
    this.#plot = new uPlot(options, this.#data, this.#container);
    this.#plot.root.setAttribute('aria-hidden', 'true'); // the table below has the numbers
  }

  /** Shades the times in which nothing was served. */
  #shade(plot: uPlot): void {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.fillStyle = colour('shade');
    for (const { from, to } of this.#outages) {
      const left = plot.valToPos(Math.max(from, this.#range[0]), 'x', true);
      const right = plot.valToPos(to ?? this.#range[1], 'x', true);
      if (right < bbox.left) continue;
      ctx.fillRect(left, bbox.top, Math.max(2, right - left), bbox.height);
    }
    ctx.restore();
  }

  #legend(): readonly (readonly HTMLElement[])[] {
    const { id, lines } = this.#options;
    const rows = lines.map((line) => {
      const cells = [html('td'), html('td'), html('td')];
      const swatch = html('span', {
        class: `swatch ${line.colour}${line.isDashed ? ' dashed' : ''}`,
        'aria-hidden': 'true',
      });
      const row = html('tr', {}, html('th', { scope: 'row' }, swatch, line.label), ...cells);
      return { row, cells };
    });
    byId(`${id}-numbers`).append(...rows.map(({ row }) => row));
    return rows.map(({ cells }) => cells);
  }
}

/** @returns whole minutes before now, so that grid lines and labels move together */
function minutes([from, to]: readonly [number, number], every: number): number[] {
  const splits: number[] = [];
  for (let at = to; at >= from - 1; at -= every * 60) splits.unshift(at);
  return splits;
}

function agoText(seconds: number): string {
  return seconds < 1 ? 'now' : `−${String(Math.round(seconds / 60))} min`;
}
