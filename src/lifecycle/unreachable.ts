/**
 * The end of an exhaustive `switch`: the compiler refuses to let anything reach it.
 *
 * @throws Error where something from outside the types did
 */
export function unreachable(never: never): never {
  throw new Error(`Not expected: ${JSON.stringify(never)}`);
}
