/** What has stood still: this process, or only its main thread, which hears the Sentinels and steers. */
export type Stood = 'process' | 'main thread';

/**
 * Brings what is believed up to date after a standstill; resolves when routes are as they should be, within seconds. To be called once
 * by everything that has noticed it.
 */
export type CatchUp = (stood: Stood) => Promise<void>;
