import type { EventWithSentence } from '../follow.ts';
import type { Level } from './client.ts';
import { byId, html, say } from './dom.ts';
import { clockText, countText } from './format.ts';

/** How many lines the page keeps. */
const mostLines = 300;

const words: Readonly<Record<Level, { readonly sign: string; readonly word: string }>> = {
  error: { sign: '✕', word: 'error' },
  warn: { sign: '!', word: 'warning' },
  info: { sign: 'i', word: 'info' },
  debug: { sign: '·', word: 'debug' },
};
const levels: readonly Level[] = ['debug', 'info', 'warn', 'error'];

/** The latest events, newest on top. */
export class Events {
  readonly #list = byId('event-list');
  readonly #pause = byId('event-pause');
  readonly #ids = new Set<string>();
  #kept: EventWithSentence[] = [];
  #level: Level = 'info';
  #paused: EventWithSentence[] | undefined;

  /** @param listenTo called to follow another level */
  constructor(listenTo: (level: Level) => void) {
    byId('event-levels').addEventListener('change', (event) => {
      const level = levels.find(
        (each) => event.target instanceof HTMLInputElement && each === event.target.value,
      );
      if (!level) return;
      this.#level = level;
      // Always follow at least level `info`, so that going back to it shows its events at once.
      listenTo(level === 'debug' ? 'debug' : 'info');
      this.#draw();
    });
    this.#pause.addEventListener('click', () => {
      const waiting = this.#paused;
      this.#paused = waiting ? undefined : [];
      for (const each of waiting ?? []) this.#add(each);
      this.#showPause();
    });
  }

  add(event: EventWithSentence): void {
    if (this.#ids.has(event.id)) return;
    this.#ids.add(event.id);
    if (this.#paused) this.#paused = [...this.#paused, event].slice(-mostLines);
    else this.#add(event);
    this.#showPause();
  }

  #showPause(): void {
    const count = this.#paused?.length;
    this.#pause.setAttribute('aria-pressed', String(count !== undefined));
    say(
      this.#pause,
      count === undefined ? 'Pause' : count === 0 ? 'Paused' : `Paused, ${countText(count)} new`,
    );
  }

  #add(event: EventWithSentence): void {
    const isLate = (this.#kept.at(-1)?.time ?? '') > event.time;
    this.#kept.push(event);
    if (isLate) this.#kept.sort((a, b) => (a.time < b.time ? -1 : 1));
    for (const { id } of this.#kept.splice(0, this.#kept.length - mostLines)) this.#ids.delete(id);
    if (isLate) this.#draw();
    else if (this.#isShown(event)) {
      this.#list.prepend(row(event));
      while (this.#list.childElementCount > mostLines) this.#list.lastElementChild?.remove();
    }
    this.#showEmpty();
  }

  #isShown({ level }: EventWithSentence): boolean {
    return levels.indexOf(level) >= levels.indexOf(this.#level);
  }

  #draw(): void {
    this.#list.replaceChildren(
      ...this.#kept
        .filter((event) => this.#isShown(event))
        .toReversed()
        .map(row),
    );
    this.#showEmpty();
  }

  #showEmpty(): void {
    byId('event-none').hidden = this.#list.childElementCount > 0;
  }
}

function row({ time, level, event, sentence }: EventWithSentence): HTMLElement {
  const { sign, word } = words[level];
  return html(
    'li',
    { class: level },
    html('time', { datetime: time, title: time }, clockText(time)),
    html(
      'span',
      { class: 'level' },
      html('span', { class: 'sign', 'aria-hidden': 'true' }, sign),
      html('span', { class: 'unseen' }, word),
    ),
    html('span', { class: 'sentence', title: event }, sentence),
  );
}
