/** The most levels of collections inside each other; a configuration has seven. */
export const maxNesting = 64;

/**
 * Finds where YAML or JSON nests collections deeper than `maxNesting`. The parser recurses for each level, and lets V8 compile
 * a pattern that grows with the depth, which ends the whole process: no exception can be caught.
 *
 * Counts the brackets that are open and, outside of them, the columns at which a line or the value of a key begins. A scalar of
 * several lines may be counted as deeper than it is, but not by so many levels.
 *
 * @returns the offset of the first such place; `undefined` where there is none
 */
export function tooDeepAt(text: string): number | undefined {
  const columns: number[] = [];
  let brackets = 0;
  let lineStart = 0;
  // Whether what comes next on this line begins a level of its own.
  let isBeginning = true;
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (char === '\n') {
      lineStart = at + 1;
      isBeginning = true;
      continue;
    }
    if (isBlank(char)) continue;
    const isAfterBlank = at === lineStart || isBlank(text.charAt(at - 1));
    if (char === '#' && isAfterBlank) {
      at = endOfLine(text, at) - 1;
      continue;
    }
    if (isBeginning && brackets === 0) {
      while ((columns.at(-1) ?? -1) >= at - lineStart) columns.pop();
      columns.push(at - lineStart);
    }
    isBeginning = /[-?:]/.test(char) && /^\s?$/.test(text.charAt(at + 1));
    if (/["']/.test(char) && (isAfterBlank || /[[{,:]/.test(text.charAt(at - 1)))) {
      const end = endOfQuoted(text, at);
      // Looked for within the scalar alone: a file may be one long line.
      const lineBreak = text.slice(at, end).lastIndexOf('\n');
      if (lineBreak >= 0) lineStart = at + lineBreak + 1;
      at = end;
    } else if (/[[{]/.test(char)) brackets += 1;
    else if (/[\]}]/.test(char)) brackets = Math.max(0, brackets - 1);
    if (columns.length + brackets > maxNesting) return at;
  }
  return undefined;
}

function isBlank(char: string): boolean {
  return char === ' ' || char === '\t' || char === '\r';
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end < 0 ? text.length : end;
}

/** The offset of the quote that ends a scalar: `\"` and `''` do not. */
function endOfQuoted(text: string, start: number): number {
  const quote = text.charAt(start);
  for (let at = start + 1; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (char === '\\' && quote === '"') at += 1;
    else if (char === quote && quote === "'" && text.charAt(at + 1) === quote) at += 1;
    else if (char === quote) return at;
  }
  return text.length;
}
