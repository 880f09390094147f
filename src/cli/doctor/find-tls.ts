import type { Facts } from './facts.ts';
import type { Access } from '../../net/tls.ts';
import type { Evidence, Finding } from './finding.ts';
import { connectEvidence } from './queries.ts';
import type { ProbedReplies } from './tls-probe.ts';

/** Automatic renewal begins 30 days before the end (Let's Encrypt): with fewer days left than this, a person should look. */
const soonDays = 14;
const dayMs = 86_400_000;

/** Certificates that are valid, but expire soon. */
export function certificateFindings({ sentinels, databases, nowMs }: Facts): readonly Finding[] {
  const seen = new Set<string>();
  const servers: readonly (readonly [ProbedReplies, string | undefined])[] = [
    ...sentinels.map(({ replies }) => [replies, undefined] as const),
    ...databases.flatMap(({ database: { name }, master, replicas }) =>
      [...(master ? [master] : []), ...replicas.map(({ replies }) => replies)].map(
        (replies) => [replies, name] as const,
      ),
    ),
  ];
  return servers.flatMap(([{ server: by, tlsProbe, failure }, database]): readonly Finding[] => {
    if (failure || tlsProbe?.kind !== 'tls' || seen.has(by)) return [];
    seen.add(by);
    const leftDays = (tlsProbe.validToMs - nowMs) / dayMs;
    if (!(leftDays < soonDays)) return [];
    return [
      {
        code: 'tls-expiring',
        severity: 'degraded',
        ...(database !== undefined && { database }),
        what: `the certificate of ${by} is valid until ${day(tlsProbe.validToMs)}, ${String(Math.max(0, Math.floor(leftDays)))} days from now`,
        evidence: [
          {
            by,
            asked: 'its certificate',
            answered: `${tlsProbe.subject}; valid to ${new Date(tlsProbe.validToMs).toISOString()}`,
          },
        ],
        remedy: 'Renew it on that server before then; nothing has to be done here',
      },
    ];
  });
}

/** A known reason why a connection to a server fails, and what to do. */
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
export function causeOf(replies: ProbedReplies, access: Access, key: string): Cause | undefined {
  const { failure, tlsProbe, endpoint, server: by } = replies;
  if (!failure) return undefined;
  const evidence = [connectEvidence(replies), ...probeEvidence(replies)];
  if (unresolved.has(failure.cause ?? '')) {
    const what = `has a host name that does not resolve here: "${endpoint.host}" (${failure.cause ?? ''})`;
    const remedy = `Make "${endpoint.host}" known here (DNS, /etc/hosts), or map it: addressMap: { "${by}": "HOST:PORT" }`;
    return { code: 'host-unresolved', what, evidence, remedy };
  }
  if (!access.tls && (tlsProbe?.kind === 'tls' || failure.code === 'ST_TLS_FAILED')) {
    const remedy = `Set ${key}.tls: true, with tls.ca if its CA is your own`;
    return { code: 'tls-wanted', what: 'requires TLS, but the configuration has none', evidence, remedy };
  }
  if (!access.tls || failure.code !== 'ST_TLS_FAILED') return undefined;
  if (tlsProbe?.kind === 'plain') {
    const remedy = `Leave ${key}.tls out, or use its TLS port`;
    return {
      code: 'tls-unwanted',
      what: 'does not speak TLS, but the configuration says so',
      evidence,
      remedy,
    };
  }
  return { ...tlsCause(failure.cause ?? '', failure.text, replies, access, key), evidence };
}

function tlsCause(
  cause: string,
  text: string,
  { tlsProbe, endpoint }: ProbedReplies,
  access: Access,
  key: string,
): Omit<Cause, 'evidence'> {
  if (cause === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const names = tlsProbe?.kind === 'tls' ? tlsProbe.names : '';
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
      tlsProbe?.kind === 'tls'
        ? ` (valid from ${day(tlsProbe.validFromMs)} to ${day(tlsProbe.validToMs)})`
        : '';
    const what = `shows a certificate that is not valid now${until}`;
    return {
      code: 'tls-expired',
      what,
      remedy: 'Renew it on that server; if it is valid there, compare the clocks',
    };
  }
  if (/SELF_SIGNED|UNABLE_TO|SIGNATURE|ISSUER/.test(cause)) {
    const issuer = tlsProbe?.kind === 'tls' ? `, "${tlsProbe.issuer}"` : '';
    const what = `shows a certificate of a CA that is not trusted${issuer} (${cause})`;
    return {
      code: 'tls-untrusted',
      what,
      remedy: `Name the file with the certificate of that CA as ${key}.tls.ca`,
    };
  }
  if (tlsProbe?.kind === 'tls' && !access.tls?.identity) {
    return {
      code: 'tls-failed',
      what: `shows its certificate and then closes the connection, which usually means that it requires a client certificate: ${text}`,
      remedy: `Set ${key}.tls.cert and ${key}.tls.key to a certificate that it accepts`,
    };
  }
  return {
    code: 'tls-failed',
    what: `does not complete the TLS handshake: ${text}`,
    remedy: `Compare ${key}.tls with what that server asks for: client certificate, CA, versions`,
  };
}

function probeEvidence({ tlsProbe, server: by }: ProbedReplies): readonly Evidence[] {
  if (!tlsProbe) return [];
  if (tlsProbe.kind === 'plain') return [{ by, asked: 'PING without TLS', answered: tlsProbe.said }];
  const { subject, names, issuer, validToMs } = tlsProbe;
  const answered = `${subject}; names: ${names}; issued by ${issuer}; valid to ${day(validToMs)}`;
  return [{ by, asked: 'its certificate', answered }];
}

/** A point in time as a day, where it is one. */
function day(ms: number): string {
  return Number.isFinite(ms) ? new Date(ms).toISOString().slice(0, 10) : 'an unknown day';
}
