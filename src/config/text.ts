import { LineCounter, parseDocument } from 'yaml';
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
  const document = parseDocument(text, { lineCounter, prettyErrors: false });
  if (document.errors.length > 0) {
    // Whoever writes JSON is told in its words, and the first slip alone: what follows from it is no other.
    const slip = looksLikeJson(text) ? jsonSlipIn(text) : undefined;
    if (slip) {
      const { line, col } = lineCounter.linePos(slip.at);
      throw new TunnelError(
        'ST_CONFIG_INVALID',
        `Cannot parse configuration: ${source}:${String(line)}:${String(col)}: ${slip.text}`,
      );
    }
    const lines = document.errors.map(({ pos, code, message }) => {
      const { line, col } = lineCounter.linePos(pos[0]);
      return `${source}:${String(line)}:${String(col)}: ${code === 'DUPLICATE_KEY' ? 'this key stands there twice' : message}`;
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
