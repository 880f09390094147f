import type { Access } from '../../net/tls.ts';
import type { Evidence, Finding } from './finding.ts';
import { failed, type Interview } from './interview.ts';

/** What a failure to speak with a server comes from, where that can be told, and what to do. */
export interface Cause extends Pick<Finding, 'code' | 'remedy'> {
  /** Goes after the name of the server. */
  readonly what: string;
  readonly evidence: readonly Evidence[];
}

const unresolved = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EAI_NODATA', 'EAI_NONAME']);

/**
 * Why a server could not be spoken with, where it is a name or TLS; `undefined` where it is simply not reached.
 *
 * @param key where in the configuration it says how to speak with it: `sentinel` or `redis`
 */
export function causeOf(asked: Interview, access: Access, key: string): Cause | undefined {
  const { failure, glance, endpoint, by } = asked;
  if (!failure) return undefined;
  const evidence = [failed(asked), ...glanceEvidence(asked)];
  if (unresolved.has(failure.cause ?? '')) {
    const what = `has a host name that does not resolve here: "${endpoint.host}" (${failure.cause ?? ''})`;
    const remedy = `Make "${endpoint.host}" known here (DNS, /etc/hosts), or map it: addressMap: { "${by}": "HOST:PORT" }`;
    return { code: 'host-unresolved', what, evidence, remedy };
  }
  if (!access.tls && (glance?.kind === 'tls' || failure.code === 'ST_TLS_FAILED')) {
    const remedy = `Set ${key}.tls: true, with tls.ca if its CA is your own`;
    return { code: 'tls-wanted', what: 'wants TLS, and is spoken to without', evidence, remedy };
  }
  if (!access.tls || failure.code !== 'ST_TLS_FAILED') return undefined;
  if (glance?.kind === 'plain') {
    const remedy = `Leave ${key}.tls out, or use its TLS port`;
    return { code: 'tls-unwanted', what: 'speaks no TLS, and is spoken to in TLS', evidence, remedy };
  }
  return { ...tlsCause(failure.cause ?? '', failure.text, asked, access, key), evidence };
}

function tlsCause(
  cause: string,
  text: string,
  { glance, endpoint }: Interview,
  access: Access,
  key: string,
): Omit<Cause, 'evidence'> {
  if (cause === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const names = glance?.kind === 'tls' ? glance.names : '';
    const wanted = access.tls?.servername ?? endpoint.host;
    const [, first] = /(?:DNS|IP Address):([^,\s]+)/.exec(names) ?? [];
    return {
      code: 'tls-name',
      what: `shows a certificate for ${names === '' ? 'no name' : names}, expected "${wanted}"`,
      remedy: `Set ${key}.tls.servername: "${first ?? 'NAME'}", or issue a certificate that has "${wanted}" among its names`,
    };
  }
  if (cause === 'CERT_HAS_EXPIRED' || cause === 'CERT_NOT_YET_VALID') {
    const until =
      glance?.kind === 'tls' ? ` (valid from ${day(glance.validFromMs)} to ${day(glance.validToMs)})` : '';
    const what = `shows a certificate that is not valid now${until}`;
    return {
      code: 'tls-expired',
      what,
      remedy: 'Renew it on that server; if it is valid there, compare the clocks',
    };
  }
  if (/SELF_SIGNED|UNABLE_TO|SIGNATURE|ISSUER/.test(cause)) {
    const issuer = glance?.kind === 'tls' ? `, "${glance.issuer}"` : '';
    const what = `shows a certificate of a CA that is not trusted${issuer} (${cause})`;
    return {
      code: 'tls-untrusted',
      what,
      remedy: `Name the file with the certificate of that CA as ${key}.tls.ca`,
    };
  }
  if (glance?.kind === 'tls' && !access.tls?.identity) {
    return {
      code: 'tls-failed',
      what: `shows its certificate and then breaks off, as those do who ask for a client certificate: ${text}`,
      remedy: `Set ${key}.tls.cert and ${key}.tls.key to a certificate that it accepts`,
    };
  }
  return {
    code: 'tls-failed',
    what: `cannot be spoken to in TLS: ${text}`,
    remedy: `Compare ${key}.tls with what that server asks for: client certificate, CA, versions`,
  };
}

function glanceEvidence({ glance, by }: Interview): readonly Evidence[] {
  if (!glance) return [];
  if (glance.kind === 'plain') return [{ by, asked: 'PING without TLS', answered: glance.said }];
  const { subject, names, issuer, validToMs } = glance;
  const answered = `${subject}; names: ${names}; issued by ${issuer}; valid to ${day(validToMs)}`;
  return [{ by, asked: 'its certificate', answered }];
}

/** A point in time as a day, where it is one. */
export function day(ms: number): string {
  return Number.isFinite(ms) ? new Date(ms).toISOString().slice(0, 10) : 'an unknown day';
}
