import { isScalar, LineCounter, parseDocument, visit, type Document } from 'yaml';
import { TunnelError, messageOf } from '../errors.ts';
import { jsonSlipIn, looksLikeJson } from './json-slip.ts';

/**
 * Reads YAML or JSON.
 *
 * @throws TunnelError `ST_CONFIG_INVALID` with line and column of every slip
 */
export function parseText(given: string, source: string): unknown {
  const text = given.replace(/^\uFEFF/, '');
  const lineCounter = new LineCounter();
  // The parser compares each key with all before it, which takes seconds for a mapping of 20,000.
  const document = parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: false });
  const slips = [
    ...document.errors.map(({ pos, message }) => ({ at: pos[0], message })),
    ...repeatedKeys(document),
  ].sort((a, b) => a.at - b.at);
  if (slips.length > 0) {
    // Whoever writes JSON is told in its words, and the first slip alone: what follows from it is no other.
    const slip = looksLikeJson(text) ? jsonSlipIn(text) : undefined;
    if (slip) {
      const { line, col } = lineCounter.linePos(slip.at);
      throw new TunnelError(
        'ST_CONFIG_INVALID',
        `Cannot parse configuration: ${source}:${String(line)}:${String(col)}: ${slip.text}`,
      );
    }
    const lines = slips.map(({ at, message }) => {
      const { line, col } = lineCounter.linePos(at);
      return `${source}:${String(line)}:${String(col)}: ${message}`;
    });
    throw new TunnelError('ST_CONFIG_INVALID', `Cannot parse configuration: ${lines.join('\n  ')}`);
  }
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    // An alias without its anchor, or aliases nested to exhaust memory.
    throw new TunnelError(
      'ST_CONFIG_INVALID',
      `Cannot parse configuration "${source}": ${messageOf(cause)}`,
      {
        cause,
      },
    );
  }
}

/** Keys that a mapping has already, and where. */
function repeatedKeys(document: Document): readonly { readonly at: number; readonly message: string }[] {
  const repeated: { at: number; message: string }[] = [];
  visit(document, {
    Map: (_, { items }) => {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        if (seen.has(key.value))
          repeated.push({ at: key.range?.[0] ?? 0, message: 'this key stands there twice' });
        seen.add(key.value);
      }
    },
  });
  return repeated;
}
