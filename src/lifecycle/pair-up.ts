/** What has one key on two sides: `before` is absent for what has come, `after` for what has gone. */
export interface Pair<B, A> {
  readonly key: string;
  readonly before: B | undefined;
  readonly after: A | undefined;
}

/**
 * Pairs what has one key on both sides; of several with one key the first with the first.
 *
 * @returns the pairs in the order of `after`, and then what is gone in the order of `before`
 */
export function pairUp<B, A>(
  before: readonly B[],
  after: readonly A[],
  keyOf: (each: B | A) => string,
): readonly Pair<B, A>[] {
  const keys = before.map(keyOf);
  // The places of each key, the first one last: where it is taken from.
  const places = new Map<string, number[]>();
  for (let at = keys.length - 1; at >= 0; at -= 1) {
    const key = keys[at] ?? '';
    const known = places.get(key);
    if (known) known.push(at);
    else places.set(key, [at]);
  }
  const taken = new Set<number>();
  const pairs = after.map((each) => {
    const key = keyOf(each);
    const at = places.get(key)?.pop();
    if (at !== undefined) taken.add(at);
    return { key, before: at === undefined ? undefined : before[at], after: each };
  });
  const gone = keys.flatMap((key, at) =>
    taken.has(at) ? [] : [{ key, before: before[at], after: undefined }],
  );
  return [...pairs, ...gone];
}
