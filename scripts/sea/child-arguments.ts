// Stands in for src/net/child-arguments.ts in the single-file executable.

/** The argument by which main.ts knows that names are to be looked up. */
export const namesArgument = 'look-up-names';

export const childArguments: readonly string[] = [namesArgument];
