import process from 'node:process';
import { parseArgs, type ParseArgsConfig } from 'node:util';

type Flags = NonNullable<ParseArgsConfig['options']>;
type Read<F extends Flags> = ReturnType<typeof parseArgs<{ args: string[]; options: F }>>['values'];

/** A command line that cannot be carried out. The message says what is wrong with it. */
export class UsageError extends Error {}

/** The values of the flags. @throws UsageError for a flag that there is not, or one without its value */
export function readFlags<const F extends Flags>(args: readonly string[], options: F): Read<F> {
  try {
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    // What follows the first sentence is about positional arguments, of which there are none.
    const [said = ''] = (error instanceof Error ? error.message : String(error)).split('. ');
    throw new UsageError(said, { cause: error });
  }
}

/** @throws UsageError where it is no number from `least` */
export function numberFrom(least: number, flag: string, text: string): number {
  const number = numberIn(text);
  if (number >= least) return number;
  throw new UsageError(`Cannot use "${text}" as ${flag}: expected a number from ${String(least)}`);
}

/** @throws UsageError where it is no whole number from `least` */
export function wholeFrom(least: number, flag: string, text: string): number {
  const number = numberIn(text);
  if (number >= least && Number.isInteger(number)) return number;
  throw new UsageError(`Cannot use "${text}" as ${flag}: expected a whole number from ${String(least)}`);
}

function numberIn(text: string): number {
  const number = text.trim() === '' ? NaN : Number(text);
  return Number.isFinite(number) ? number : NaN;
}

/** The names in a list `a,b`. @throws UsageError for one that is not known */
export function namesOf(flag: string, text: string, known: readonly string[]): readonly string[] {
  const names = text.split(',');
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length === 0) return names;
  const quoted = unknown.map((name) => `"${name}"`).join(', ');
  throw new UsageError(`Cannot use ${quoted} as ${flag}: expected some of ${known.join(', ')}`);
}

/**
 * What this program was called with. Where it asks for help, or cannot be carried out, the usage is printed and the
 * program ends: with 0, or with 2.
 */
export function optionsOf<T>(usage: string, read: (args: readonly string[]) => T): T {
  const args = process.argv.slice(2);
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(`Usage: ${usage}\n`);
    process.exit(0);
  }
  try {
    return read(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\nUsage: ${usage}\n`);
    process.exit(2);
  }
}
