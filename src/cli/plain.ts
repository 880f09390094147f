/** How a text is to stand out. */
export type Style = 'plain' | 'good' | 'bad' | 'faint' | 'strong';
export type Paint = (style: Style, text: string) => string;

const codes: Readonly<Record<Style, string>> = {
  plain: '',
  good: '32',
  bad: '1;31',
  faint: '2',
  strong: '1',
};

/** Colours say nothing that the words do not say as well. */
export function painter(isColoured: boolean): Paint {
  return (style, text) =>
    isColoured && style !== 'plain' && text !== '' ? `\u001b[${codes[style]}m${text}\u001b[0m` : text;
}

export interface Cell {
  readonly text: string;
  readonly style?: Style;
  /** Numbers stand to the right. */
  readonly isNumber?: boolean;
}

/** Rows with their columns aligned, two spaces between them. What stands in a last cell does not widen it. */
export function table(rows: readonly (readonly Cell[])[], paint: Paint): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, { text }] of row.entries()) {
      const isLast = column === row.length - 1;
      if (!isLast || row[column]?.isNumber) widths[column] = Math.max(widths[column] ?? 0, text.length);
    }
  }
  return rows.map((row) => {
    const cells = row.map(({ text, style = 'plain', isNumber = false }, column) => {
      const room = ' '.repeat(Math.max(0, (widths[column] ?? 0) - text.length));
      const isLast = column === row.length - 1;
      if (isNumber) return `${room}${paint(style, text)}`;
      return `${paint(style, text)}${isLast ? '' : room}`;
    });
    return cells.join('  ').trimEnd();
  });
}
