import { randomBytes } from 'node:crypto';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A certificate and its key, as PEM and as the files that hold it. */
export interface Issued {
  readonly cert: string;
  readonly key: string;
  readonly certFile: string;
  readonly keyFile: string;
}

export interface IssueOptions {
  /** Such as `['DNS:localhost', 'IP:127.0.0.1']`; those two without it. */
  readonly names?: readonly string[];
  /** The whole subject as `openssl req -subj` takes it, instead of the common name alone. */
  readonly subject?: string;
  /** How long it is valid from now on, in days; less than 0 for one that has expired. */
  readonly days?: number;
}

/** A CA of the test's own and what it has issued, made by openssl. Disposing removes the files. */
export class Certificates implements AsyncDisposable {
  readonly dir: string;
  readonly caFile: string;
  readonly ca: string;
  #count = 0;

  static async make(): Promise<Certificates> {
    const dir = await mkdtemp(join(tmpdir(), 'st-certificates-'));
    const caFile = join(dir, 'ca.pem');
    await run('openssl', [
      ...['req', '-x509', ...newKey(join(dir, 'ca.key')), '-out', caFile, '-days', '2'],
      ...['-subj', `/CN=test CA ${basename(dir)}`, '-addext', 'basicConstraints=critical,CA:TRUE'],
    ]);
    return new Certificates(dir, caFile, await readFile(caFile, 'utf8'));
  }

  private constructor(dir: string, caFile: string, ca: string) {
    this.dir = dir;
    this.caFile = caFile;
    this.ca = ca;
  }

  /** A certificate for a common name, signed by the CA; for servers as well as for clients. */
  async issue(commonName: string, options: IssueOptions = {}): Promise<Issued> {
    const { names = ['DNS:localhost', 'IP:127.0.0.1'], days = 2, subject = `/CN=${commonName}` } = options;
    this.#count += 1;
    const base = join(this.dir, `${this.#count}`);
    const [certFile, keyFile, request, extensions] = ['.pem', '.key', '.csr', '.cnf'].map(
      (end) => base + end,
    ) as [string, string, string, string];
    await run('openssl', ['req', '-new', ...newKey(keyFile), '-out', request, '-utf8', '-subj', subject]);
    // In a section of its own a name may hold a comma.
    const listed = names.map((name, index) => name.replace(':', `.${index} = `));
    const section = `subjectAltName = @names\n[names]\n${listed.join('\n')}\n`;
    await writeFile(extensions, names.length === 0 ? '' : section);
    await run('openssl', [
      ...['x509', '-req', '-in', request, '-CA', this.caFile, '-CAkey', join(this.dir, 'ca.key')],
      // Not from a file of the CA, which two that are issued at the same time would both write.
      ...[
        '-set_serial',
        `0x01${randomBytes(15).toString('hex')}`,
        '-days',
        String(days),
        '-out',
        certFile,
        '-extfile',
        extensions,
      ],
    ]);
    return {
      cert: await readFile(certFile, 'utf8'),
      key: await readFile(keyFile, 'utf8'),
      certFile,
      keyFile,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
  }
}

function newKey(file: string): string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', file];
}
