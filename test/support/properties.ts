import process from 'node:process';
import fc from 'fast-check';

/**
 * Properties are tried with the same cases every time, so that whether the tests pass is no matter of luck. Another
 * `PROPERTY_SEED` looks at others.
 */
const seed = Number(process.env['PROPERTY_SEED'] ?? 20_261_123);
fc.configureGlobal({ seed });

export { fc };
