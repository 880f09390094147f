import { extname } from 'node:path';
import { gzipSync } from 'node:zlib';
import { pageFiles } from './page-files.ts';

/** The files of the dashboard, held in memory so that no request reaches the file system. */
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
   * @param encodings the `Accept-Encoding` header of the request
   * @returns the response for a path; `undefined` for an unknown path
   */
  answer(path: string, encodings = ''): Response | undefined {
    const file = this.#files.get(path);
    if (!file) return undefined;
    const headers = { 'Content-Type': file.type, Vary: 'Accept-Encoding' };
    if (!/\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/.test(encodings)) return new Response(file.body, { headers });
    // Compressed at the first request, because most dashboards are never opened.
    file.zipped ??= new Uint8Array(gzipSync(file.body, { level: 9 }));
    return new Response(file.zipped, { headers: { ...headers, 'Content-Encoding': 'gzip' } });
  }
}

interface PageFile {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly type: string;
  zipped: Uint8Array<ArrayBuffer> | undefined;
}

/** The allowed file types. */
const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
};

/** @returns the dashboard of the package; empty when there is none */
export function readPage(): Page {
  return new Page(pageFiles());
}
