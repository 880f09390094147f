import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join, sep } from 'node:path';

/** The files of the dashboard, held in memory: nothing a request says reaches the file system. */
export class Page {
  readonly #files: ReadonlyMap<string, { readonly body: Uint8Array<ArrayBuffer>; readonly type: string }>;

  /** @param files by their path below the page, with forward slashes */
  constructor(files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>) {
    this.#files = new Map(
      [...files].flatMap(([path, body]) => {
        const type = types[extname(path)];
        return type === undefined
          ? []
          : [[path === 'index.html' ? '/' : `/${path}`, { body, type }] as const];
      }),
    );
  }

  /** The answer to a request for a path; `undefined` where nothing is there. */
  answer(path: string): Response | undefined {
    const file = this.#files.get(path);
    return file && new Response(file.body, { headers: { 'Content-Type': file.type } });
  }
}

/** What the page may be made of. */
const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
};

/** The files of the dashboard in the package; none where there is no such folder. */
export function readPage(): Page {
  const require = createRequire(import.meta.url);
  const folder = join(dirname(require.resolve('sentinel-tunnel/package.json')), 'dashboard');
  const names = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : [];
  return new Page(
    new Map(
      names
        .filter((name) => extname(name) in types)
        .map((name) => [name.split(sep).join('/'), new Uint8Array(readFileSync(join(folder, name)))]),
    ),
  );
}
