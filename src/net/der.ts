/** One element of DER (ITU-T X.690): its tag as one byte, and its content. */
export interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
}

/**
 * The elements that stand in `bytes` one after the other. Tags of one byte and definite lengths alone, which is all that
 * a certificate has where we look.
 *
 * @throws Error where it is something else
 */
export function* elementsOf(bytes: Uint8Array): Generator<Element> {
  let at = 0;
  while (at < bytes.length) {
    const tag = bytes[at] ?? 0;
    if ((tag & 0x1f) === 0x1f) throw new Error('A tag of several bytes');
    const { start, end } = extentOf(bytes, at + 1);
    yield { tag, content: bytes.subarray(start, end) };
    at = end;
  }
}

function extentOf(bytes: Uint8Array, at: number): { readonly start: number; readonly end: number } {
  const first = bytes[at] ?? 0x80;
  const many = first < 0x80 ? 0 : first & 0x7f;
  if (first === 0x80 || many > 4) throw new Error('A length that is not definite');
  let length = many === 0 ? first : 0;
  for (let index = 1; index <= many; index += 1) length = length * 256 + (bytes[at + index] ?? 0);
  const start = at + 1 + many;
  const end = start + length;
  if (end > bytes.length) throw new Error('An element that is longer than what holds it');
  return { start, end };
}
