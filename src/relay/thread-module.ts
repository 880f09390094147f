/** What a thread runs, and what it is given besides its port. */
export interface ThreadModule {
  readonly module: URL;
  readonly data: unknown;
}

/**
 * Compiled code stands beside compiled code: the import rewriting of the compiler does not reach into URLs. The
 * single-file executable, where nothing stands beside anything, is built with another module in this one's place.
 */
export const threadModule: ThreadModule = {
  module: new URL('./worker.js', import.meta.url),
  data: undefined,
};
