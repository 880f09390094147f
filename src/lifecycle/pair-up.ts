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
  const left = before.map((each) => ({ key: keyOf(each), each }));
  const pairs = after.map((each) => {
    const key = keyOf(each);
    const at = left.findIndex((other) => other.key === key);
    return { key, before: at < 0 ? undefined : left.splice(at, 1)[0]?.each, after: each };
  });
  return [...pairs, ...left.map(({ key, each }) => ({ key, before: each, after: undefined }))];
}
