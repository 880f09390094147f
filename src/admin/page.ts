import { extname } from 'node:path';
import { pageFiles } from './page-files.ts';

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

/** The dashboard of the package; empty where there is none. */
export function readPage(): Page {
  return new Page(pageFiles());
}
