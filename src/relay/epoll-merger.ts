import type { TunnelCommand, TunnelEvent } from './core/engine.ts';

type Answer = Extract<TunnelEvent, { kind: 'steered' | 'frozen' | 'evicted' | 'drained' | 'closed' }>;

/** Commands of one kind, answered by every thread in the order in which they were given. */
interface Answers {
  /** What has been answered so far to those that are not answered by all, oldest first. */
  readonly sums: Answer[];
  /** How many of them were answered by all before. */
  reported: number;
  /** How many each thread has answered. */
  readonly byThread: number[];
}

/**
 * Makes one tunnel of what several threads report. The answer to a command is reported when every thread has given it, and the first
 * byte of a generation once. A thread that has ended counts as having answered everything.
 */
export class EventMerger {
  readonly #report: (event: TunnelEvent) => void;
  readonly #hasEnded: boolean[];
  readonly #answers = new Map<Answer['kind'], Answers>();
  #firstByteOf = -1;

  /** @param threads how many there are */
  constructor(threads: number, report: (event: TunnelEvent) => void) {
    this.#report = report;
    this.#hasEnded = Array<boolean>(threads).fill(false);
  }

  /** A command is about to be sent to every thread. */
  sent(command: TunnelCommand): void {
    const nothing = nothingDone(command);
    if (nothing === undefined) return;
    const answers = this.#answersOf(nothing.kind);
    answers.sums.push(nothing);
    this.#reportComplete(answers);
  }

  received(event: TunnelEvent, thread: number): void {
    switch (event.kind) {
      case 'steered':
      case 'frozen':
      case 'evicted':
      case 'drained':
      case 'closed': {
        const answers = this.#answersOf(event.kind);
        const given = answers.byThread[thread] ?? 0;
        const index = given - answers.reported;
        const sum = answers.sums[index];
        if (sum === undefined) return; // nothing was asked
        answers.byThread[thread] = given + 1;
        answers.sums[index] = added(sum, event);
        this.#reportComplete(answers);
        return;
      }
      case 'first-byte':
        if (event.generation === this.#firstByteOf) return;
        this.#firstByteOf = event.generation;
        this.#report(event);
        return;
      default:
        this.#report(event);
    }
  }

  threadEnded(thread: number): void {
    this.#hasEnded[thread] = true;
    for (const answers of this.#answers.values()) this.#reportComplete(answers);
  }

  #answersOf(kind: Answer['kind']): Answers {
    let answers = this.#answers.get(kind);
    if (!answers) {
      answers = { sums: [], reported: 0, byThread: this.#hasEnded.map(() => 0) };
      this.#answers.set(kind, answers);
    }
    return answers;
  }

  #reportComplete(answers: Answers): void {
    while (answers.byThread.every((given, thread) => given > answers.reported || this.#hasEnded[thread])) {
      const sum = answers.sums.shift();
      if (sum === undefined) return;
      answers.reported += 1;
      this.#report(sum);
    }
  }
}

/** The answer to a command where there was nothing to do; `undefined` for commands that are not answered. */
export function nothingDone(command: TunnelCommand): Answer | undefined {
  switch (command.kind) {
    case 'steer':
      return { kind: 'steered', generation: command.route.generation, cut: 0, held: 0, released: 0 };
    case 'freeze':
      return { kind: 'frozen', answered: 0, unanswered: 0 };
    case 'evict':
      return { kind: 'evicted', cut: 0 };
    case 'drain':
      return { kind: 'drained' };
    case 'close':
      return { kind: 'closed' };
    default:
      return undefined;
  }
}

function added(a: Answer, b: Answer): Answer {
  if (a.kind === 'steered' && b.kind === 'steered')
    return { ...a, cut: a.cut + b.cut, held: a.held + b.held, released: a.released + b.released };
  if (a.kind === 'frozen' && b.kind === 'frozen')
    return { ...a, answered: a.answered + b.answered, unanswered: a.unanswered + b.unanswered };
  return a.kind === 'evicted' && b.kind === 'evicted' ? { ...a, cut: a.cut + b.cut } : a;
}
