import type { ListenAddress } from './endpoint.ts';

/** Where the engines of this process listen now, so that none of them dials itself or another. */
export class OpenListeners {
  readonly #open = new Set<{ readonly address: ListenAddress }>();
  /** Called at each change. */
  onChange: () => void = () => undefined;

  get addresses(): readonly ListenAddress[] {
    return [...this.#open].map(({ address }) => address);
  }

  /** @returns what is to be called when it does not listen any more. Idempotent */
  add(address: ListenAddress): () => void {
    const entry = { address };
    this.#open.add(entry);
    this.onChange();
    return () => {
      if (this.#open.delete(entry)) this.onChange();
    };
  }
}
