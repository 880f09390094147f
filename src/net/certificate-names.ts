import type { X509Certificate } from 'node:crypto';
import { printable } from '../printable.ts';

/** One subject name of a certificate. URIs count as names, because SPIFFE uses one. */
export interface CertificateName {
  readonly kind: 'common' | 'dns' | 'uri';
  readonly text: string;
}

/** Names beyond this number are ignored. */
const mostNames = 1_000;
/** The longest name, and the most names, in a message. */
const longestShown = 200;
const mostShown = 16;

/** Tags of X.690. `[3]` holds the extensions of a certificate (RFC 5280, 4.1). */
const sequence = 0x30;
const octetString = 0x04;
const objectIdentifier = 0x06;
const extensionsField = 0xa3;
/** id-ce-subjectAltName, 2.5.29.17. */
const alternativeNames = Buffer.from([0x55, 0x1d, 0x11]);
/** Of GeneralName (RFC 5280, 4.2.1.6): `[2]` dNSName and `[6]` uniformResourceIdentifier, both IA5String. */
const kinds: Readonly<Record<number, CertificateName['kind']>> = { 0x82: 'dns', 0x86: 'uri' };

/**
 * Reads the encoded certificate and never a printed form, in which one name can imitate another.
 *
 * @returns the common names of a certificate, and its DNS and URI alternative names
 */
export function certificateNames(certificate: X509Certificate): readonly CertificateName[] {
  return [...commonNames(certificate), ...namesIn(certificate.raw)].slice(0, mostNames);
}

/** Node returns one value as it is and several as a list. A value that is not text is not a name. */
function commonNames(certificate: X509Certificate): CertificateName[] {
  let values: readonly unknown[];
  try {
    // Node omits a subject that it cannot decode, despite its types.
    const { subject } = certificate.toLegacyObject() as {
      readonly subject?: Readonly<Record<string, unknown>>;
    };
    values = [subject?.['CN']].flat();
  } catch {
    return [];
  }
  return values.flatMap((text) => (typeof text === 'string' ? [{ kind: 'common', text }] : []));
}

/** @returns no names if the extension does not follow RFC 5280, so that an unreadable name admits nobody */
function namesIn(raw: Uint8Array): readonly CertificateName[] {
  try {
    const [certificate] = elementsOf(raw);
    const [signed] = elementsOf(contentOf(certificate, sequence));
    const held = [...elementsOf(contentOf(signed, sequence))].find(({ tag }) => tag === extensionsField);
    if (!held) return [];
    const [extensions] = elementsOf(held.content);
    return [...elementsOf(contentOf(extensions, sequence))].flatMap(namesOfExtension);
  } catch {
    return [];
  }
}

function namesOfExtension(extension: Element): readonly CertificateName[] {
  // An object identifier, an optional critical flag, and the value.
  const parts = [...elementsOf(contentOf(extension, sequence))];
  if (!alternativeNames.equals(contentOf(parts[0], objectIdentifier))) return [];
  const [names] = elementsOf(contentOf(parts.at(-1), octetString));
  return [...elementsOf(contentOf(names, sequence))].flatMap(({ tag, content }) => {
    const kind = kinds[tag];
    // One character per byte, so a name with other than ASCII equals no allowed name.
    return kind === undefined ? [] : [{ kind, text: Buffer.from(content).toString('latin1') }];
  });
}

function contentOf(element: Element | undefined, tag: number): Uint8Array {
  if (element?.tag !== tag) throw new Error('Unexpected element');
  return element.content;
}

/** @returns the names of a certificate for a message, quoted and limited in length */
export function describeNames(names: readonly CertificateName[]): string {
  const shown = names.slice(0, mostShown).map(({ text }) => {
    return `"${printable(text.slice(0, longestShown))}${text.length > longestShown ? '…' : ''}"`;
  });
  const more = names.length - shown.length;
  return shown.length === 0 ? 'nobody' : shown.join(', ') + (more > 0 ? ` and ${String(more)} more` : '');
}

/**
 * Whether a name is allowed. A URI must be equal. Other names ignore the case of ASCII letters, as in DNS, and `*.example.com` stands
 * for one label.
 */
export function isAllowedName({ kind, text }: CertificateName, allowed: readonly string[]): boolean {
  if (kind === 'uri') return allowed.includes(text);
  const lower = asciiLower(text);
  return allowed.some((pattern) => {
    const wanted = asciiLower(pattern);
    if (!wanted.startsWith('*.')) return wanted === lower;
    const dot = lower.indexOf('.');
    return dot > 0 && label.test(lower.slice(0, dot)) && lower.slice(dot) === wanted.slice(1);
  });
}

const label = /^[a-z0-9_-]+$/;

/** Not `toLowerCase`, which turns the Kelvin sign into `k`. */
function asciiLower(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** One element of DER (ITU-T X.690): its tag as one byte, and its content. */
export interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
}

/**
 * Reads consecutive DER elements. Supports only tags of one byte and definite lengths, which is all that these parts of a certificate
 * have.
 *
 * @throws Error for anything else
 */
function* elementsOf(bytes: Uint8Array): Generator<Element> {
  let at = 0;
  while (at < bytes.length) {
    const tag = bytes[at] ?? 0;
    if ((tag & 0x1f) === 0x1f) throw new Error('Unsupported tag of several bytes');
    const { start, end } = extentOf(bytes, at + 1);
    yield { tag, content: bytes.subarray(start, end) };
    at = end;
  }
}

function extentOf(bytes: Uint8Array, at: number): { readonly start: number; readonly end: number } {
  const first = bytes[at] ?? 0x80;
  const many = first < 0x80 ? 0 : first & 0x7f;
  if (first === 0x80 || many > 4) throw new Error('Unsupported indefinite length');
  let length = many === 0 ? first : 0;
  for (let index = 1; index <= many; index += 1) length = length * 256 + (bytes[at + index] ?? 0);
  const start = at + 1 + many;
  const end = start + length;
  if (end > bytes.length) throw new Error('Element is longer than its container');
  return { start, end };
}
