/**
 * Everything that `doctor` can find. They are an interface: `docs/doctor.md` has each with its meaning and its remedy, and a
 * test compares the two.
 */
export const findingCodes = [
  'config-invalid',
  'config-warning',
  'secret-readable',
  'listener-exposed',
  'port-taken',
  'port-forbidden',
  'tunnel-runs',
  'socket-held',
  'socket-path',
  'admin-taken',
  'log-unwritable',
  'log-disk-full',
  'descriptors-few',
  'local-ports-few',
  'no-sentinel-answers',
  'majority-missing',
  'sentinels-few',
  'sentinel-unreachable',
  'sentinel-not-sentinel',
  'sentinel-twin',
  'sentinel-stranger',
  'sentinel-old',
  'sentinel-tilt',
  'sentinels-disagree',
  'epochs-differ',
  'quorum-unreachable',
  'sentinel-password-missing',
  'sentinel-password-wrong',
  'sentinel-permission',
  'sentinel-subscribe',
  'sentinel-channels',
  'password-needless',
  'redis-password-missing',
  'redis-password-wrong',
  'redis-permission',
  'host-unresolved',
  'tls-name',
  'tls-untrusted',
  'tls-expired',
  'tls-expiring',
  'tls-wanted',
  'tls-unwanted',
  'tls-failed',
  'master-unknown',
  'master-unreachable',
  'master-is-replica',
  'master-is-self',
  'master-not-redis',
  'no-candidate',
  'replica-down',
  'replica-unreachable',
  'replication-lag',
  'min-replicas-unset',
  'down-after-long',
  'failover-timeout-long',
  'clock-differs',
] as const;

export type FindingCode = (typeof findingCodes)[number];

/** `ok`: works, and is worth knowing. `degraded`: works, but not as soundly as it should. `broken`: clients are not served. */
export const severities = ['ok', 'degraded', 'broken'] as const;
export type Severity = (typeof severities)[number];

/** What was asked, of whom, and what came of it. */
export interface Evidence {
  readonly by: string;
  readonly asked: string;
  readonly answered: string;
}

export interface Finding {
  readonly code: FindingCode;
  readonly severity: Severity;
  /** The database it is about; absent where it is about all. */
  readonly database?: string;
  /** A sentence without its final stop. */
  readonly what: string;
  readonly evidence: readonly Evidence[];
  readonly remedy: string;
}

export function worst(findings: readonly Pick<Finding, 'severity'>[]): Severity {
  const ranks = findings.map(({ severity }) => severities.indexOf(severity));
  return severities[Math.max(0, ...ranks)] ?? 'ok';
}
