import type { TunnelEvent } from '../../core/engine.ts';

type Steered = Extract<TunnelEvent, { kind: 'steered' }>;

/**
 * Merges what several threads tell of one tunnel. A steering is told when all of them have carried it out, and the
 * first byte of a generation once. Each thread carries out steerings in the order in which they were sent.
 */
export class Steering {
  readonly #threads: number;
  readonly #tell: (event: TunnelEvent) => void;
  /** How many steerings each thread has carried out. */
  readonly #done: number[];
  /** By their number, those that only some threads have carried out. */
  readonly #open = new Map<number, { sum: Steered; left: number }>();
  #firstByteOf = -1;

  constructor(threads: number, tell: (event: TunnelEvent) => void) {
    this.#threads = threads;
    this.#done = Array<number>(threads).fill(0);
    this.#tell = tell;
  }

  told(event: TunnelEvent, thread: number): void {
    if (event.kind === 'steered') this.#steered(event, thread);
    else if (event.kind !== 'first-byte') this.#tell(event);
    else if (event.generation !== this.#firstByteOf) {
      this.#firstByteOf = event.generation;
      this.#tell(event);
    }
  }

  #steered(event: Steered, thread: number): void {
    const number = this.#done[thread] ?? 0;
    this.#done[thread] = number + 1;
    const open = this.#open.get(number);
    const left = (open?.left ?? this.#threads) - 1;
    const sum = open ? add(open.sum, event) : event;
    if (left > 0) this.#open.set(number, { sum, left });
    else {
      this.#open.delete(number);
      this.#tell(sum);
    }
  }
}

function add(a: Steered, b: Steered): Steered {
  return { ...a, cut: a.cut + b.cut, held: a.held + b.held, released: a.released + b.released };
}
