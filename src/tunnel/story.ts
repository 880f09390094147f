import { cutAt } from '../telemetry/restraint.ts';
import { courseOf, roundMs, stepsOf, type Milestones } from './steps.ts';

/** One thing that somebody said or did during a failover. */
export interface StoryLine {
  /** Milliseconds after the story's beginning; what led up to it is negative. */
  readonly ms: number;
  /** A Sentinel, a server, or `tunnel`. */
  readonly who: string;
  readonly what: string;
}

/**
 * One failover, from the moment when the master was left to the first byte from the next one. The window, in which
 * nothing was served, is `servedMs`.
 */
export interface FailoverStory extends Readonly<Milestones> {
  readonly database: string;
  /** Wall clock at the beginning, ISO 8601. */
  readonly at: string;
  /** Why the master was left. */
  readonly trigger: string;
  readonly from: string;
  /** The master at the end; the same as `from` where it came to nothing. */
  readonly to: string;
  readonly generation: number;
  /** Sessions cut, and the most clients held at once. */
  readonly cut: number;
  readonly held: number;
  readonly lines: readonly StoryLine[];
}

/** What led up to a failover is of interest this long, in milliseconds. */
const preludeMs = 10_000;
const maxPrelude = 30;
const maxLines = 200;
/** Of what somebody said so much is kept, in characters. */
const longestWhat = 300;
const longestWho = 100;

interface OpenStory {
  readonly startedMs: number;
  readonly at: string;
  readonly trigger: string;
  readonly from: string;
  to: string;
  generation: number;
  cut: number;
  held: number;
  milestones: Milestones;
  readonly lines: StoryLine[];
}

/**
 * Writes stories down: it is told everything, keeps the last few words at all times, and begins a story with them when
 * a master is left. It holds no timer and does no I/O.
 */
export class Storyteller {
  readonly #database: string;
  readonly #now: () => number;
  #prelude: { saidMs: number; who: string; what: string }[] = [];
  #story: OpenStory | undefined;

  constructor(database: string, now: () => number) {
    this.#database = database;
    this.#now = now;
  }

  /** What the story in hand has reached; `undefined` where there is none. */
  get milestones(): Readonly<Milestones> | undefined {
    return this.#story?.milestones;
  }

  said(speaker: string, words: string): void {
    const [who, what] = [cutAt(speaker, longestWho), cutAt(words, longestWhat)];
    const saidMs = this.#now();
    const story = this.#story;
    if (story) {
      if (story.lines.length < maxLines) story.lines.push({ ms: round(saidMs - story.startedMs), who, what });
      return;
    }
    this.#prelude.push({ saidMs, who, what });
    if (this.#prelude.length > maxPrelude) this.#prelude.shift();
  }

  /** A master is left. A story in hand goes on, but what it had reached counts no more. */
  left(from: string, trigger: string): void {
    if (this.#story) {
      this.#story.milestones = {};
      return;
    }
    const startedMs = this.#now();
    this.#story = {
      startedMs,
      at: new Date().toISOString(),
      trigger: cutAt(trigger, longestWhat),
      from,
      to: from,
      generation: 0,
      cut: 0,
      held: 0,
      milestones: {},
      lines: this.#prelude
        .filter(({ saidMs }) => startedMs - saidMs < preludeMs)
        .map(({ saidMs, who, what }) => ({ ms: round(saidMs - startedMs), who, what })),
    };
    this.#prelude = [];
  }

  /** Reaches a milestone; the first of its kind counts. */
  reached(milestone: keyof Milestones, what: string): void {
    const story = this.#story;
    if (!story || story.milestones[milestone] !== undefined) return;
    story.milestones[milestone] = round(this.#now() - story.startedMs);
    this.said('tunnel', what);
  }

  steered(cut: number, held: number, released: number): void {
    const story = this.#story;
    if (!story) return;
    story.cut += cut;
    story.held = Math.max(story.held, held, released);
    if (cut > 0) this.said('tunnel', `cut sessions: ${String(cut)}`);
    if (released > 0) this.said('tunnel', `released held connections: ${String(released)}`);
  }

  heading(to: string, generation: number): void {
    if (!this.#story) return;
    this.#story.to = to;
    this.#story.generation = generation;
  }

  /** Ends the story in hand and gives it. */
  end(): FailoverStory | undefined {
    const story = this.#story;
    if (!story) return undefined;
    this.#story = undefined;
    const { at, trigger, from, to, generation, cut, held, milestones, lines } = story;
    return Object.freeze({
      database: this.#database,
      ...{ at, trigger, from, to, generation, cut, held },
      ...milestones,
      lines: Object.freeze(lines),
    });
  }
}

/** One sentence for a log line: the outcome and its numbers first, the reason, which may be long, last. */
export function storySentence(story: FailoverStory): string {
  const { generation, servedMs, cut, held, trigger } = story;
  const gap = servedMs === undefined ? 'not served to the end' : `not served for ${roundMs(servedMs)} ms`;
  const steps = stepsOf(story).map(({ word, ms }) => `${word} at ${roundMs(ms)} ms`);
  const times = steps.length === 0 ? '' : ` (${steps.join(', ')})`;
  const effect = `sessions cut: ${String(cut)}, clients held: ${String(held)}`;
  return `${courseOf(story)}, generation ${String(generation)}, ${gap}${times}, ${effect}, because ${trigger}`;
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10;
}
