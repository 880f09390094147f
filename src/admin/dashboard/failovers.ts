import { outcomeText, milestonesOf } from '../../tunnel/failover-record.ts';
import type { FailoverRecord, RecordLine } from '../../tunnel/failover-record.ts';
import { byId, html, mark, say } from './dom.ts';
import { count } from '../wording.ts';
import { clockText, msText } from './format.ts';
import { lineText, TimelinePicture } from './timeline-picture.ts';
import { timelineOf, zooms, type Zoom } from './timeline.ts';

const hint = 'Point at a mark, or use the arrow keys, to see its message.';

/** The failovers of the selected database: a list, and one of them to scale. */
export class Failovers {
  readonly #choice = byId('failover-choice');
  readonly #picture: TimelinePicture;
  #records: readonly FailoverRecord[] = [];
  #zoom: Zoom = 'failover';
  /** The start of the selected failover; `undefined` selects the latest. */
  #chosen: string | undefined;
  #shown = '';

  constructor() {
    // Open on very large screens, because nobody clicks there.
    byId('failover-all').toggleAttribute('open', matchMedia('(min-width: 120rem)').matches);
    this.#picture = new TimelinePicture(byId('failover-picture'), (line) => {
      this.#showLine(line);
    });
    this.#choice.addEventListener('change', () => {
      if (!(this.#choice instanceof HTMLSelectElement)) return;
      this.#chosen = this.#choice.selectedIndex === 0 ? undefined : this.#choice.value;
      this.#draw();
    });
    byId('failover-zoom').addEventListener('change', (event) => {
      const { target } = event;
      if (target instanceof HTMLInputElement)
        this.#zoom = zooms.find((zoom) => zoom === target.value) ?? 'failover';
      this.#draw();
    });
  }

  /** Shows the text for a failover in progress; `undefined` hides it. */
  showProgress(text: string | undefined): void {
    const line = byId('failover-now');
    line.hidden = text === undefined;
    if (text !== undefined) say(line, text);
    mark(byId('board'), 'data-going-on', text === undefined ? undefined : '');
    byId('failover-none').hidden = text !== undefined || this.#records.length > 0;
  }

  /** @param records of one database, oldest first */
  show(records: readonly FailoverRecord[]): void {
    this.#records = records.toReversed();
    const shown = JSON.stringify(this.#records.map(({ database, at }) => [database, at]));
    if (shown === this.#shown) return;
    this.#shown = shown;
    mark(byId('board'), 'data-failovers', records.length > 0 ? 'some' : 'none');
    for (const id of ['failover-some', 'failover-tools']) byId(id).hidden = records.length === 0;
    this.#choice.replaceChildren(
      ...this.#records.map((record, index) =>
        html('option', { value: record.at }, optionText(record, index === 0)),
      ),
    );
    if (!this.#records.some(({ at }) => at === this.#chosen)) this.#chosen = undefined;
    if (this.#choice instanceof HTMLSelectElement && this.#chosen !== undefined)
      this.#choice.value = this.#chosen;
    this.#draw();
  }

  #draw(): void {
    const record = this.#records.find(({ at }) => at === this.#chosen) ?? this.#records[0];
    if (!record) return;
    say(byId('failover-course'), courseText(record));
    byId('failover-facts').replaceChildren(...facts(record));
    this.#picture.show(timelineOf(record, this.#zoom));
    this.#showLine(undefined);
    byId('failover-lines').replaceChildren(
      ...record.lines.map(({ ms, who, what }) =>
        html(
          'tr',
          { class: who === 'tunnel' ? 'own' : undefined },
          html('td', { class: 'number' }, msText(ms)),
          html('td', {}, who),
          html('td', {}, what),
        ),
      ),
    );
  }

  #showLine(line: RecordLine | undefined): void {
    say(byId('failover-said'), line ? lineText(line) : hint);
  }
}

function optionText(record: FailoverRecord, isLatest: boolean): string {
  const window = record.servedMs === undefined ? '' : `, ${msText(record.servedMs)}`;
  return `${clockText(record.at)} to ${record.to}${window}${isLatest ? ' (latest)' : ''}`;
}

function courseText(record: FailoverRecord): string {
  return `${capitalized(outcomeText(record))}, because ${record.trigger}`;
}

function capitalized(text: string): string {
  return text.replace(/^./, (first) => first.toUpperCase());
}

function facts(record: FailoverRecord): HTMLElement[] {
  const fact = (name: string, value: string, kind = ''): HTMLElement =>
    html('div', { class: kind }, html('dt', {}, name), html('dd', {}, value));
  const unserved = record.servedMs === undefined ? 'not served again' : msText(record.servedMs);
  return [
    fact('Not served for', unserved, 'nothing'),
    fact('Sessions cut', count(record.cut, 'session')),
    fact('Most waiting', count(record.held, 'client')),
    ...milestonesOf(record).map(({ name, ms }) => fact(capitalized(name), `at ${msText(ms)}`)),
  ];
}
