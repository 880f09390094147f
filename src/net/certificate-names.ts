import type { X509Certificate } from 'node:crypto';

/** Names in a message are the words of whoever made the certificate, and cut to this many characters. */
const longestName = 200;
const mostNames = 16;

/**
 * The names of a certificate: its common name, and of its alternative names those of DNS and the URIs (SPIFFE has one).
 *
 * Node prints an alternative name that holds a comma or a quote as a JSON string
 * (https://nodejs.org/docs/latest-v20.x/api/crypto.html#x509subjectaltname), so that none can pretend to be two.
 */
export function certificateNames({ subject, subjectAltName }: X509Certificate): readonly string[] {
  const common = [...subject.matchAll(/^CN=(.*)$/gm)].map(([, name = '']) => name);
  const alternative = [
    ...(subjectAltName ?? '').matchAll(/(?:^|, )(\w[\w ]*):("(?:[^"\\]|\\.)*"|[^,]*)/g),
  ].flatMap(([, kind, text = '']) => (kind === 'DNS' || kind === 'URI' ? [unquoted(text)] : []));
  return [...new Set([...common, ...alternative])]
    .slice(0, mostNames)
    .map((name) => name.slice(0, longestName));
}

function unquoted(text: string): string {
  if (!text.startsWith('"')) return text;
  try {
    return String(JSON.parse(text));
  } catch {
    return text; // it is not a name that anybody allows
  }
}

/** Whether a name is one of those: the same, or for `*.example.com` one label before that. DNS knows no case. */
export function isAllowedName(name: string, allowed: readonly string[]): boolean {
  const lower = name.toLowerCase();
  return allowed.some((pattern) => {
    const wanted = pattern.toLowerCase();
    if (!wanted.startsWith('*.')) return wanted === lower;
    const dot = lower.indexOf('.');
    return dot > 0 && lower.slice(dot) === wanted.slice(1);
  });
}
