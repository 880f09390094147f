import { courseOf, stepsOf } from '../../tunnel/steps.ts';
import type { FailoverStory, StoryLine } from '../../tunnel/story.ts';
import { byId, html, mark, say } from './dom.ts';
import { count } from '../wording.ts';
import { clockText, msText } from './format.ts';
import { lineText, TimelinePicture } from './timeline-picture.ts';
import { timelineOf, zooms, type Zoom } from './timeline.ts';

const hint = 'Point at a mark, or walk through them with the arrow keys, to see who said what.';

/** The failovers of the database that is looked at: which there were, and one of them to scale. */
export class Failovers {
  readonly #choice = byId('failover-choice');
  readonly #picture: TimelinePicture;
  #stories: readonly FailoverStory[] = [];
  #zoom: Zoom = 'failover';
  /** The beginning of the one that was chosen; the latest where none was. */
  #chosen: string | undefined;
  #shown = '';

  constructor() {
    // On a wall nobody clicks.
    byId('failover-all').toggleAttribute('open', matchMedia('(min-width: 120rem)').matches);
    this.#picture = new TimelinePicture(byId('failover-picture'), (line) => {
      this.#tell(line);
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

  /** Says that one is going on, or `undefined` that none is. */
  goesOn(text: string | undefined): void {
    const line = byId('failover-now');
    line.hidden = text === undefined;
    if (text !== undefined) say(line, text);
    mark(byId('board'), 'data-going-on', text === undefined ? undefined : '');
    byId('failover-none').hidden = text !== undefined || this.#stories.length > 0;
  }

  /** @param stories of one database, oldest first */
  show(stories: readonly FailoverStory[]): void {
    this.#stories = stories.toReversed();
    const shown = JSON.stringify(this.#stories.map(({ database, at }) => [database, at]));
    if (shown === this.#shown) return;
    this.#shown = shown;
    mark(byId('board'), 'data-failovers', stories.length > 0 ? 'some' : 'none');
    for (const id of ['failover-some', 'failover-tools']) byId(id).hidden = stories.length === 0;
    this.#choice.replaceChildren(
      ...this.#stories.map((story, index) =>
        html('option', { value: story.at }, optionText(story, index === 0)),
      ),
    );
    if (!this.#stories.some(({ at }) => at === this.#chosen)) this.#chosen = undefined;
    if (this.#choice instanceof HTMLSelectElement && this.#chosen !== undefined)
      this.#choice.value = this.#chosen;
    this.#draw();
  }

  #draw(): void {
    const story = this.#stories.find(({ at }) => at === this.#chosen) ?? this.#stories[0];
    if (!story) return;
    say(byId('failover-course'), courseText(story));
    byId('failover-facts').replaceChildren(...facts(story));
    this.#picture.show(timelineOf(story, this.#zoom));
    this.#tell(undefined);
    byId('failover-lines').replaceChildren(
      ...story.lines.map(({ ms, who, what }) =>
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

  #tell(line: StoryLine | undefined): void {
    say(byId('failover-said'), line ? lineText(line) : hint);
  }
}

function optionText(story: FailoverStory, isLatest: boolean): string {
  const window = story.servedMs === undefined ? '' : `, ${msText(story.servedMs)}`;
  return `${clockText(story.at)} to ${story.to}${window}${isLatest ? ' (latest)' : ''}`;
}

function courseText(story: FailoverStory): string {
  return `${capitalized(courseOf(story))}, because ${story.trigger}`;
}

function capitalized(text: string): string {
  return text.replace(/^./, (first) => first.toUpperCase());
}

function facts(story: FailoverStory): HTMLElement[] {
  const fact = (name: string, value: string, kind = ''): HTMLElement =>
    html('div', { class: kind }, html('dt', {}, name), html('dd', {}, value));
  const unserved = story.servedMs === undefined ? 'to the end' : msText(story.servedMs);
  return [
    fact('Not served for', unserved, 'nothing'),
    fact('Sessions cut', count(story.cut, 'session')),
    fact('Most waiting', count(story.held, 'client')),
    ...stepsOf(story).map(({ word, ms }) => fact(capitalized(word), `at ${msText(ms)}`)),
  ];
}
