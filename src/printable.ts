/**
 * What a reader must not get as it is: control characters, which steer a terminal; those that turn the direction of a
 * text, cannot be seen, or break a line; halves of a surrogate pair.
 */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu;
const unprintableInLines = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu;
/** JSON escapes the others itself, and a line of JSON keeps its line break. */
const unprintableInJson = /(?![\n\t\r])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu;

/**
 * Text from outside (a name, an answer, a path) as it may be printed: on one line, with everything that is not visible
 * written as `\x1b`, `\u202e` or `\u{e0001}`. Everything that is printed goes through this module.
 */
export function printable(text: string): string {
  return text.replace(unprintable, escaped);
}

/** The same for a text of several lines. */
export function printableLines(text: string): string {
  return text.replace(unprintableInLines, escaped);
}

/** Every text in a value from outside as it may be printed, keys aside. */
export function withPrintableTexts<T>(value: T): T {
  if (typeof value === 'string') return printable(value) as T;
  if (Array.isArray(value)) return value.map((held: unknown) => withPrintableTexts(held)) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, withPrintableTexts(held)])) as T;
}

/** JSON with the same value and nothing in it that a terminal would obey. */
export function printableJson(value: unknown, indent?: number): string {
  return escapedJson(JSON.stringify(value, undefined, indent));
}

/** The same for what is JSON already. */
export function escapedJson(json: string): string {
  return json.replace(unprintableInJson, (char) =>
    Array.from({ length: char.length }, (_, index) => `\\u${hex(char.charCodeAt(index), 4)}`).join(''),
  );
}

/** Text as one quoted scalar of YAML: its escapes beyond `\u` are not those of JSON. */
export function printableYaml(text: string): string {
  return JSON.stringify(text).replace(unprintable, (char) => {
    const code = codeOf(char);
    return code > 0xffff ? `\\U${hex(code, 8)}` : `\\u${hex(code, 4)}`;
  });
}

/** Whether a text can be printed as it is. */
export function isPrintable(text: string): boolean {
  return text.search(unprintable) < 0;
}

function escaped(char: string): string {
  const code = codeOf(char);
  if (code <= 0xff) return `\\x${hex(code, 2)}`;
  return code <= 0xffff ? `\\u${hex(code, 4)}` : `\\u{${hex(code, 1)}}`;
}

function codeOf(char: string): number {
  return char.codePointAt(0) ?? 0;
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0');
}
