import type { X509Certificate } from 'node:crypto';
import { messageOf } from '../errors.ts';
import { Secret, type Credentials } from '../net/secret.ts';
import type { Access, ClientTls, Identity, ServerTls, TlsVersion } from '../net/tls.ts';
import type { ReadFile } from './files.ts';
import { readCertificates, readKey, whyOutOfDate } from './pem.ts';
import { formatPath, type Path, type Problem } from './problems.ts';

/** What the schema has read of how to get into a server. */
export interface AccessInput {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly passwordFile?: string | undefined;
  readonly tls?: ClientTlsInput | boolean | undefined;
}

interface ClientTlsInput {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly servername?: string | undefined;
  readonly minVersion: TlsVersion;
}

interface ServerTlsInput {
  readonly cert: string;
  readonly key: string;
  readonly clientCa?: string | undefined;
  readonly allowNames?: readonly string[] | undefined;
  readonly minVersion: TlsVersion;
}

/** Reads the files that a configuration names, and gathers what is wrong with them and what is worth a warning. */
export class Loader {
  readonly problems: Problem[] = [];
  readonly warnings: string[] = [];
  readonly #readFile: ReadFile;
  readonly #nowMs: number;

  constructor(readFile: ReadFile, nowMs: number) {
    this.#readFile = readFile;
    this.#nowMs = nowMs;
  }

  /** @param path where it stands in the configuration */
  access(input: AccessInput, path: Path): Access {
    const credentials = this.#credentials(input, path);
    const tls = this.#clientTls(input.tls, [...path, 'tls']);
    return { ...(credentials && { credentials }), ...(tls && { tls }) };
  }

  serverTls(input: ServerTlsInput, path: Path): ServerTls | undefined {
    const { cert, key, clientCa, allowNames = [], minVersion } = input;
    if (clientCa === undefined && allowNames.length > 0)
      this.problems.push({ path: [...path, 'allowNames'], text: 'needs "clientCa" beside it' });
    const ca = clientCa === undefined ? undefined : this.#certificates(clientCa, [...path, 'clientCa']);
    const identity = this.#identity(cert, key, path);
    return identity && { identity, ...(ca && { clientCa: ca.text }), allowNames, minVersion };
  }

  /** A certificate and its key; `undefined` where one is not there or not of use, of which a problem tells. */
  #identity(cert: string | undefined, key: string | undefined, path: Path): Identity | undefined {
    if (cert === undefined || key === undefined) {
      if (cert !== undefined || key !== undefined) {
        const [given, missing] = cert === undefined ? ['key', 'cert'] : ['cert', 'key'];
        this.problems.push({ path, text: `"${given}" needs "${missing}" beside it` });
      }
      return undefined;
    }
    const certificates = this.#certificates(cert, [...path, 'cert']);
    const ownKey = this.#read(key, [...path, 'key'], (text) => ({ text, read: readKey(text) }), true);
    if (!certificates || !ownKey) return undefined;
    if (!certificates.first.checkPrivateKey(ownKey.read)) {
      this.problems.push({
        path: [...path, 'key'],
        text: `"${key}" is not the key of the certificate in "${cert}"`,
      });
      return undefined;
    }
    return { cert: certificates.text, key: new Secret(ownKey.text) };
  }

  #certificates(
    file: string,
    path: Path,
  ): { readonly text: string; readonly first: X509Certificate } | undefined {
    const loaded = this.#read(file, path, (text) => ({ text, all: readCertificates(text) }));
    if (!loaded) return undefined;
    for (const certificate of loaded.all) {
      const why = whyOutOfDate(certificate, this.#nowMs);
      const whose = certificate.subject.replaceAll('\n', ', ');
      if (why !== undefined)
        this.warnings.push(
          `${formatPath(path)}: the certificate "${whose}" in "${file}" cannot be used: ${why}`,
        );
    }
    return { text: loaded.text, first: loaded.all[0] };
  }

  #credentials({ username, password, passwordFile }: AccessInput, path: Path): Credentials | undefined {
    if (password !== undefined && passwordFile !== undefined) {
      this.problems.push({
        path: [...path, 'passwordFile'],
        text: 'there is a "password" too, expected one of them',
      });
      return undefined;
    }
    if (password !== undefined) return { username, password: new Secret(password) };
    if (passwordFile === undefined) {
      if (username !== undefined)
        this.problems.push({
          path: [...path, 'username'],
          text: 'needs "password" or "passwordFile" beside it',
        });
      return undefined;
    }
    const read = this.#read(passwordFile, [...path, 'passwordFile'], readPassword, true);
    return read && { username, password: read };
  }

  #clientTls(input: ClientTlsInput | boolean | undefined, path: Path): ClientTls | undefined {
    if (input === undefined || input === false) return undefined;
    if (input === true) return { minVersion: 'TLSv1.2' };
    const ca = input.ca === undefined ? undefined : this.#certificates(input.ca, [...path, 'ca']);
    const identity = this.#identity(input.cert, input.key, path);
    return {
      ...(ca && { ca: ca.text }),
      ...(identity && { identity }),
      ...(input.servername !== undefined && { servername: input.servername }),
      minVersion: input.minVersion,
    };
  }

  #read<T>(file: string, path: Path, read: (text: string) => T, isSecret = false): T | undefined {
    try {
      const { text, isWorldReadable } = this.#readFile(file);
      const value = read(text);
      if (isSecret && isWorldReadable)
        this.warnings.push(
          `${formatPath(path)}: "${file}" can be read by every user of this machine, chmod o-r`,
        );
      return value;
    } catch (error) {
      this.problems.push({ path, text: `cannot use "${file}": ${messageOf(error)}` });
      return undefined;
    }
  }
}

/** One line; the newline that editors and `echo` put at the end of a file is not part of it. */
function readPassword(text: string): Secret {
  const password = text.replace(/\r?\n$/, '');
  if (password === '') throw new Error('it is empty');
  return new Secret(password);
}
