import { LineCounter, parseDocument } from 'yaml';
import { TunnelError, messageOf } from '../errors.ts';

/**
 * Reads YAML or JSON.
 *
 * @throws TunnelError `ST_CONFIG_INVALID` with line and column of every slip
 */
export function parseText(text: string, source: string): unknown {
  const lineCounter = new LineCounter();
  const document = parseDocument(text.replace(/^\uFEFF/, ''), { lineCounter, prettyErrors: false });
  if (document.errors.length > 0) {
    const lines = document.errors.map(({ pos, message }) => {
      const { line, col } = lineCounter.linePos(pos[0]);
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
