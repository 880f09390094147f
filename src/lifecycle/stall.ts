/** What was stalled: this process, or only its main thread, which hears the Sentinels and steers the engines. */
export type Stalled = 'process' | 'main thread';

/**
 * Brings routes up to date after a stall; resolves when they are, within seconds. Everything that notices a stall calls it once.
 */
export type CatchUp = (stalled: Stalled) => Promise<void>;
