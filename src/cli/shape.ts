/** Whether a value is as it has to be. */
export type Check = (value: unknown) => boolean;

export function isText(value: unknown): boolean {
  return typeof value === 'string';
}

export function isNumber(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value);
}

export function isFlag(value: unknown): boolean {
  return typeof value === 'boolean';
}

export function orNone(check: Check): Check {
  return (value) => value === null || value === undefined || check(value);
}

export function listOf(check: Check): Check {
  return (value) => Array.isArray(value) && value.every((held) => check(held));
}

/** A mapping with at least these keys: a newer program may say more. */
export function mapping(checks: Readonly<Record<string, Check>>): Check {
  return (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.entries(checks).every(([key, check]) => check((value as Record<string, unknown>)[key]));
}
