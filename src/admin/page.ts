import { extname } from 'node:path';
import { gzipSync } from 'node:zlib';
import { pageFiles } from './page-files.ts';

/** The files of the dashboard, held in memory: nothing a request says reaches the file system. */
export class Page {
  readonly #files: ReadonlyMap<string, PageFile>;

  /** @param files by their path below the page, with forward slashes */
  constructor(files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>) {
    this.#files = new Map(
      [...files].flatMap(([path, body]) => {
        const type = types[extname(path)];
        return type === undefined
          ? []
          : [[path === 'index.html' ? '/' : `/${path}`, { body, type, zipped: undefined }] as const];
      }),
    );
  }

  /**
   * The answer to a request for a path; `undefined` where nothing is there.
   *
   * @param encodings what the asker says in `Accept-Encoding`
   */
  answer(path: string, encodings = ''): Response | undefined {
    const file = this.#files.get(path);
    if (!file) return undefined;
    const headers = { 'Content-Type': file.type, Vary: 'Accept-Encoding' };
    if (!/\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/.test(encodings)) return new Response(file.body, { headers });
    // When it is asked for the first time: most tunnels are never looked at.
    file.zipped ??= new Uint8Array(gzipSync(file.body, { level: 9 }));
    return new Response(file.zipped, { headers: { ...headers, 'Content-Encoding': 'gzip' } });
  }
}

interface PageFile {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly type: string;
  zipped: Uint8Array<ArrayBuffer> | undefined;
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
