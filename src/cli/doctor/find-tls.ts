import { day } from './failures.ts';
import type { Facts } from './facts.ts';
import type { Finding } from './finding.ts';
import type { Interview } from './interview.ts';

/** Certificates are renewed by hand or by machines that begin 30 days before (Let's Encrypt); later than this somebody should look. */
const soonDays = 14;
const dayMs = 86_400_000;

/** Certificates that work, and will soon not. */
export function certificateFindings({ sentinels, databases, nowMs }: Facts): readonly Finding[] {
  const seen = new Set<string>();
  const servers: readonly (readonly [Interview, string | undefined])[] = [
    ...sentinels.map(({ asked }) => [asked, undefined] as const),
    ...databases.flatMap(({ database: { name }, master, replicas }) =>
      [...(master ? [master] : []), ...replicas.map(({ asked }) => asked)].map(
        (asked) => [asked, name] as const,
      ),
    ),
  ];
  return servers.flatMap(([{ by, glance, failure }, database]): readonly Finding[] => {
    if (failure || glance?.kind !== 'tls' || seen.has(by)) return [];
    seen.add(by);
    const leftDays = (glance.validToMs - nowMs) / dayMs;
    if (!(leftDays < soonDays)) return [];
    return [
      {
        code: 'tls-expiring',
        severity: 'degraded',
        ...(database !== undefined && { database }),
        what: `the certificate of ${by} is valid until ${day(glance.validToMs)}, ${String(Math.max(0, Math.floor(leftDays)))} days from now`,
        evidence: [
          {
            by,
            asked: 'its certificate',
            answered: `${glance.subject}; valid to ${new Date(glance.validToMs).toISOString()}`,
          },
        ],
        remedy: 'Renew it on that server before then; nothing has to be done here',
      },
    ];
  });
}
