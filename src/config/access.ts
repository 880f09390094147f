import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import type { z } from 'zod';
import { messageOf } from '../errors.ts';
import { defaultAdminAddresses } from '../net/admin-address.ts';
import { isLoopback, type ListenAddress } from '../net/endpoint.ts';
import { Secret, type Credentials } from '../net/secret.ts';
import type { Access, ClientTls, Identity, ServerTls } from '../net/tls.ts';
import { readListenAddress } from './addresses.ts';
import type { ReadFile } from './files.ts';
import { formatPath, type Path, type Problem } from './problems.ts';
import type { ConfigInput } from './schema.ts';
import type { clientTls, redis, serverTls } from './schema-parts.ts';
import type { AdminConfig, ConfigWarning } from './types.ts';

export type RedisInput = z.output<typeof redis>;
type AccessInput = Omit<RedisInput, 'port'>;
type ServerTlsInput = z.output<typeof serverTls>;
type ClientTlsInput = z.output<typeof clientTls>;
type AdminInput = ConfigInput['admin'];

/**
 * Makes credentials, certificates and tokens of what a configuration says, reads the files that it names, and gathers what is
 * wrong with them and what is worth a warning.
 */
export class AccessReader {
  readonly problems: Problem[] = [];
  readonly warnings: ConfigWarning[] = [];
  readonly #readFile: ReadFile;
  readonly #nowMs: number;

  constructor(readFile: ReadFile, nowMs: number) {
    this.#readFile = readFile;
    this.#nowMs = nowMs;
  }

  /** @param path where it is in the configuration */
  access(input: AccessInput, path: Path): Access {
    const credentials = this.#credentials(input, path);
    const tls = this.#clientTls(input.tls, [...path, 'tls']);
    return { ...(credentials && { credentials }), ...(tls && { tls }) };
  }

  serverTls(input: ServerTlsInput, path: Path): ServerTls | undefined {
    const { cert, key, clientCa, allowNames = [], minVersion } = input;
    if (clientCa === undefined && allowNames.length > 0)
      this.#problem([...path, 'allowNames'], 'requires "clientCa"');
    const ca = clientCa === undefined ? undefined : this.#certificates(clientCa, [...path, 'clientCa']);
    const identity = this.#identity(cert, key, path);
    return identity && { identity, ...(ca && { clientCa: ca.text }), allowNames, minVersion };
  }

  /** @param isDefault whether there is an admin listener where the configuration says nothing of it */
  admin(input: AdminInput, isDefault: boolean): AdminConfig | undefined {
    // YAML 1.1 reads off as false, and YAML 1.2 as a text.
    if (input === false || input === 'off' || (input === undefined && !isDefault)) return undefined;
    const { token, tokenFile, hosts } = input ?? { hosts: [] };
    const isUsual = input?.listen === undefined;
    const listen = isUsual ? defaultAdminAddresses[0] : readListenAddress(input.listen);
    if (!listen) return undefined;
    if (token !== undefined && tokenFile !== undefined)
      this.#problem(['admin', 'tokenFile'], 'set "token" or "tokenFile", not both');
    const [text, key] = tokenFile === undefined ? [token, 'token'] : [this.#tokenIn(tokenFile), 'tokenFile'];
    if (text !== undefined && !isToken(text))
      this.#problem(['admin', key], 'expected at least 16 printable characters without spaces');
    if (token === undefined && tokenFile === undefined && !isPrivate(listen))
      this.#problem(['admin', 'listen'], 'other machines can connect to it: set "token" or "tokenFile"');
    return { listen, isUsual, token: text === undefined ? undefined : new Secret(text), hosts };
  }

  /** A certificate and its key; `undefined` where one is missing or cannot be used, which is a problem. */
  #identity(cert: string | undefined, key: string | undefined, path: Path): Identity | undefined {
    if (cert === undefined || key === undefined) {
      if (cert !== undefined) this.#problem(path, '"cert" requires "key"');
      if (key !== undefined) this.#problem(path, '"key" requires "cert"');
      return undefined;
    }
    const certificates = this.#certificates(cert, [...path, 'cert']);
    const ownKey = this.#read(key, [...path, 'key'], (text) => ({ text, read: readKey(text) }), true);
    if (!certificates || !ownKey) return undefined;
    if (!certificates.first.checkPrivateKey(ownKey.read)) {
      this.#problem([...path, 'key'], `"${key}" is not the key of the certificate in "${cert}"`);
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
      const subject = certificate.subject.replaceAll('\n', ', ');
      if (why !== undefined)
        this.warnings.push({
          kind: 'certificate',
          text: `${formatPath(path)}: the certificate "${subject}" in "${file}" ${why}`,
        });
    }
    return { text: loaded.text, first: loaded.all[0] };
  }

  #credentials({ username, password, passwordFile }: AccessInput, path: Path): Credentials | undefined {
    if (password !== undefined && passwordFile !== undefined) {
      this.#problem([...path, 'passwordFile'], 'set "password" or "passwordFile", not both');
      return undefined;
    }
    if (password !== undefined) return { username, password: new Secret(password) };
    if (passwordFile === undefined) {
      if (username !== undefined)
        this.#problem([...path, 'username'], 'requires "password" or "passwordFile"');
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

  #tokenIn(file: string): string | undefined {
    return this.#read(file, ['admin', 'tokenFile'], oneLine);
  }

  #read<T>(file: string, path: Path, read: (text: string) => T, isSecret = false): T | undefined {
    try {
      const { text, isWorldReadable } = this.#readFile(file);
      const value = read(text);
      if (isSecret && isWorldReadable)
        this.warnings.push({
          kind: 'secret-readable',
          text: `${formatPath(path)}: "${file}" can be read by every user of this machine, chmod o-r`,
        });
      return value;
    } catch (error) {
      this.#problem(path, `cannot use "${file}": ${messageOf(error)}`);
      return undefined;
    }
  }

  #problem(path: Path, text: string): void {
    this.problems.push({ path, text });
  }
}

/** Without the newline that editors and `echo` put at the end of a file. */
function oneLine(text: string): string {
  return text.replace(/\r?\n$/, '');
}

function readPassword(text: string): Secret {
  const password = oneLine(text);
  if (password === '') throw new Error('it is empty');
  return new Secret(password);
}

/** Long enough that it cannot be guessed by trying, and fit for a header. */
function isToken(text: string): boolean {
  return /^[\x21-\x7e]{16,}$/.test(text);
}

/** Whether only programs on this machine can connect to it. */
function isPrivate(address: ListenAddress): boolean {
  return address.kind === 'unix' || isLoopback(address.host);
}

const certificate = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/**
 * Reads the certificates of a PEM text.
 *
 * @throws an Error that says what it is instead
 */
function readCertificates(text: string): readonly [X509Certificate, ...X509Certificate[]] {
  const blocks = text.match(certificate) ?? [];
  const [first, ...more] = blocks.map((block) => {
    try {
      return new X509Certificate(block);
    } catch (cause) {
      throw new Error('it contains a damaged certificate', { cause });
    }
  });
  if (first) return [first, ...more];
  throw new Error(
    text.includes('PRIVATE KEY-----')
      ? 'it contains a private key, expected a PEM certificate'
      : 'it is not a PEM certificate',
  );
}

/**
 * Reads a private key in PEM form.
 *
 * @throws an Error that says what it is instead; nothing of the key is in it
 */
function readKey(text: string): KeyObject {
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/.test(text))
    throw new Error('its key is encrypted: decrypt it with openssl pkey');
  if (!text.includes('PRIVATE KEY-----')) {
    throw new Error(
      text.includes('BEGIN CERTIFICATE')
        ? 'it contains a certificate, expected a PEM private key'
        : 'it is not a PEM private key',
    );
  }
  try {
    return createPrivateKey(text);
  } catch {
    throw new Error('its key is damaged'); // without a cause, which could quote the key
  }
}

/** What is wrong with the dates of a certificate, as the end of a sentence; `undefined` where nothing is. */
function whyOutOfDate({ validFrom, validTo }: X509Certificate, nowMs: number): string | undefined {
  if (Date.parse(validTo) < nowMs) return `expired on ${validTo}`;
  if (Date.parse(validFrom) > nowMs) return `is not valid before ${validFrom}`;
  return undefined;
}
