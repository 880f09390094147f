import { z } from 'zod';
import { readEndpoint } from './listen.ts';

// The largest delay of a timer: 2^31 - 1 ms; above it setTimeout fires at once
// (https://nodejs.org/docs/latest-v20.x/api/timers.html#settimeoutcallback-delay-args).
const longestMs = 2_147_483_647;

/** Every leaf's error is what was expected there; `problems.ts` makes the sentence around it. */
export function whole(least: number, most: number): z.ZodNumber {
  const error = `a whole number from ${String(least)} to ${String(most)}`;
  return z.number({ error }).int({ error }).min(least, { error }).max(most, { error });
}

export function milliseconds(least: number): z.ZodNumber {
  const error = `milliseconds, a whole number from ${String(least)}`;
  return z.number({ error }).int({ error }).min(least, { error }).max(longestMs, { error });
}

export function choice<const T extends readonly [string, ...string[]]>(
  ...values: T
): z.ZodEnum<z.core.util.ToEnum<T[number]>> {
  return z.enum(values, { error: oneOf(values) });
}

function oneOf(values: readonly string[]): string {
  return `one of ${values.map((value) => `"${value}"`).join(', ')}`;
}

export const mapping = { error: 'a mapping of keys to values' };
export const truth = { error: 'true or false' };

const endpointWanted = { error: '"host:port" or "[v6]:port"' };
export const endpoint = z
  .string(endpointWanted)
  .refine((text) => readEndpoint(text) !== undefined, endpointWanted);

export const fileWanted = { error: 'the path of a file' };
export const textWanted = { error: 'text of at least one character; in quotes, if it looks like a number' };

export function file(description: string): z.ZodOptional<z.ZodString> {
  return z.string(fileWanted).min(1, fileWanted).optional().meta({ description });
}
