import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';

const certificate = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/**
 * Reads the certificates of a PEM text.
 *
 * @throws an Error that says what it is instead
 */
export function readCertificates(text: string): readonly [X509Certificate, ...X509Certificate[]] {
  const blocks = text.match(certificate) ?? [];
  const [first, ...more] = blocks.map((block) => {
    try {
      return new X509Certificate(block);
    } catch (cause) {
      throw new Error('a certificate in it is damaged', { cause });
    }
  });
  if (first) return [first, ...more];
  throw new Error(
    text.includes('PRIVATE KEY-----')
      ? 'it holds a private key, expected a certificate in PEM form'
      : 'it is no certificate in PEM form',
  );
}

/**
 * Reads a private key in PEM form.
 *
 * @throws an Error that says what it is instead; nothing of the key is in it
 */
export function readKey(text: string): KeyObject {
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/.test(text))
    throw new Error('its key is encrypted, which cannot be used here: write it out with openssl pkey');
  if (!text.includes('PRIVATE KEY-----')) {
    throw new Error(
      text.includes('BEGIN CERTIFICATE')
        ? 'it holds a certificate, expected a private key in PEM form'
        : 'it is no private key in PEM form',
    );
  }
  try {
    return createPrivateKey(text);
  } catch {
    throw new Error('its key is damaged'); // without a cause: whoever prints it must not come near the key
  }
}

/** What is wrong with the time of a certificate, as the end of a sentence; `undefined` where nothing is. */
export function whyOutOfDate({ validFrom, validTo }: X509Certificate, nowMs: number): string | undefined {
  if (Date.parse(validTo) < nowMs) return `it has expired on ${validTo}`;
  if (Date.parse(validFrom) > nowMs) return `it is not valid before ${validFrom}`;
  return undefined;
}
