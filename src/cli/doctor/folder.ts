import { access, constants, stat } from 'node:fs/promises';

/** Why no file can be made in a folder, as the end of a sentence; `undefined` where one can. Makes none. */
export async function whyNoFolder(folder: string): Promise<string | undefined> {
  try {
    if (!(await stat(folder)).isDirectory()) return `"${folder}" is not a folder`;
    await access(folder, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    return code === 'ENOENT'
      ? `its folder "${folder}" does not exist`
      : `nothing may be written in its folder "${folder}" (${String(code)})`;
  }
}
