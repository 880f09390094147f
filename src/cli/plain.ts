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

/** `1 session`, `2 sessions`, `1,234 sessions`. */
export function count(many: number, what: string): string {
  return `${grouped(many)} ${what}${many === 1 ? '' : 's'}`;
}

/** A whole number in groups of three digits. */
export function grouped(number: number): string {
  return String(Math.round(number)).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** A length of time in its two largest units: `740 ms`, `12 s`, `3 min 10 s`, `4 h 12 min`, `3 d 4 h`. */
export function lasting(ms: number): string {
  if (ms < 0) return '0 ms';
  if (ms < 1_000) return `${String(Math.round(ms))} ms`;
  const seconds = Math.floor(ms / 1_000);
  const units = [
    ['d', Math.floor(seconds / 86_400)],
    ['h', Math.floor(seconds / 3_600) % 24],
    ['min', Math.floor(seconds / 60) % 60],
    ['s', seconds % 60],
  ] as const;
  const first = units.findIndex(([, amount]) => amount > 0);
  const shown = units.slice(first, first + 2).filter(([, amount], index) => index === 0 || amount > 0);
  return shown.map(([unit, amount]) => `${String(amount)} ${unit}`).join(' ');
}

/** `0 B`, `12.3 kB`, `1.2 MB`: powers of ten, as on network interfaces. */
export function bytes(amount: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let value = amount;
  let unit = 0;
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  return `${unit === 0 ? String(Math.round(value)) : value.toFixed(1)} ${units[unit] ?? ''}`;
}
