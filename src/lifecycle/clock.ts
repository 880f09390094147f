/** Milliseconds on a clock that never goes back; only differences mean anything. Tests pass their own. */
export type Clock = () => number;

export const monotonic: Clock = () => performance.now();
