import { formatEndpoint } from '../../net/endpoint.ts';
import { whyNotPromotable } from '../../sentinel/members/promotable.ts';
import { replyTo, type Command, type ServerReplies } from '../../redis/query.ts';
import { asMap } from '../../redis/resp.ts';
import { readReplicationInfo, type Replication } from '../../redis/info.ts';
import { readReplication } from '../../redis/role.ts';
import { backlogBytes } from '../../tunnel/candidates.ts';
import { causeOf } from './find-tls.ts';
import type { DatabaseFacts, Facts, ReplicaFacts } from './facts.ts';
import type { Finding } from './finding.ts';
import { commandsFor, connectEvidence, minReplicasCommand, replyEvidence, roleCommand } from './queries.ts';

/** Which replica could be promoted, and how fast. */
export function replicaFindings(facts: Facts): readonly Finding[] {
  return facts.databases.flatMap((each) =>
    each.survey.adopted
      ? [
          ...candidateFindings(each, facts),
          ...each.replicas.flatMap((replica) => reachFindings(replica, each)),
          ...lagFindings(each),
          ...guardFindings(each),
          ...paceFindings(each, facts),
        ]
      : [],
  );
}

/** How long its Sentinel has held the master to be down, in milliseconds; `undefined` where it is up, and we reach it too. */
type MasterDownMs = number | undefined;

/**
 * Why a replica would not be promoted, or not without loss; `undefined` where it could be. Where the master is down, every
 * link to it is, and that is no reason.
 */
export function whyNoCandidate(
  row: ReadonlyMap<string, string>,
  masterDownMs: MasterDownMs,
): string | undefined {
  const why = whyNotPromotable(row, masterDownMs);
  if (why !== undefined || masterDownMs !== undefined) return why;
  if (row.get('role-reported') === 'master') return 'it says that it is a master itself';
  const link = row.get('master-link-status');
  return link === undefined || link === 'ok' ? undefined : 'its link to the master is down';
}

function masterDownMsOf({ database, master }: DatabaseFacts, decider: ServerReplies): MasterDownMs {
  const row = asMap(replyTo(decider, commandsFor(database).master) ?? null);
  const flags = row.get('flags')?.split(',') ?? [];
  if (flags.includes('s_down') || flags.includes('o_down')) return Number(row.get('s-down-time') ?? 0);
  return master?.failure ? 0 : undefined;
}

function candidateFindings(facts: DatabaseFacts, { sentinels }: Facts): readonly Finding[] {
  const { database, replicas, survey } = facts;
  const { name } = database;
  const { replicas: question } = commandsFor(database);
  const decider = sentinels.find(({ replies }) => replies.server === survey.adopted?.by)?.replies;
  // Redis Enterprise lists no replicas, nor does a Sentinel whose ACL forbids it.
  if (!decider) return [];
  const reply = [question, commandsFor(database).slaves]
    .map((command) => replyTo(decider, command))
    .find(Array.isArray);
  if (!reply) return [];
  if (replicas.length === 0) {
    const what = `"${name}" has no replica: when its master is lost no server can take its place`;
    return [
      {
        code: 'no-candidate',
        severity: 'degraded',
        database: name,
        what,
        evidence: [{ by: decider.server, asked: question.join(' '), answered: 'none' }],
        remedy: 'Start a replica of it; Sentinels learn of it from the master within 10 s',
      },
    ];
  }
  const masterDownMs = masterDownMsOf(facts, decider);
  const reasons = replicas.map(({ announced, row }) => ({
    announced,
    why: whyNoCandidate(row, masterDownMs),
  }));
  if (reasons.some(({ why }) => why === undefined)) {
    return reasons
      .filter(({ why }) => why === 'it is down')
      .map(({ announced, why = '' }): Finding => {
        const where = formatEndpoint(announced);
        return {
          code: 'replica-down',
          severity: 'degraded',
          database: name,
          what: `the replica ${where} of "${name}" is down: one replica fewer can be promoted`,
          evidence: [{ by: decider.server, asked: question.join(' '), answered: `${where}: ${why}` }],
          remedy: `Start it again; one that is gone for good is listed until SENTINEL RESET ${name}`,
        };
      });
  }
  const evidence = reasons.map(({ announced, why = '' }) => ({
    by: decider.server,
    asked: question.join(' '),
    answered: `${formatEndpoint(announced)}: ${why}`,
  }));
  const what = `no replica of "${name}" could be promoted now`;
  return [
    {
      code: 'no-candidate',
      severity: 'degraded',
      database: name,
      what,
      evidence,
      remedy:
        'Bring a replica up and in step with the master, and leave replica-priority above 0 on at least one',
    },
  ];
}

function reachFindings(
  { announced, row, replies }: ReplicaFacts,
  { database, alternates }: DatabaseFacts,
): readonly Finding[] {
  const isDown = whyNotPromotable(row) === 'it is down';
  if (!replies.failure || isDown || alternates.length > 0) return [];
  const cause = causeOf(replies, database.redis, 'redis');
  const where = formatEndpoint(announced);
  const what = `the replica ${where} ${cause?.what ?? `cannot be reached from here: ${replies.failure.text}`}; after a failover to it no client could be served`;
  return [
    {
      code: cause?.code ?? 'replica-unreachable',
      severity: 'degraded',
      database: database.name,
      what,
      evidence: cause?.evidence ?? [connectEvidence(replies)],
      remedy:
        cause?.remedy ??
        `Look at routes and firewalls between here and there, or write addressMap: { "${where}": "HOST:PORT" }`,
    },
  ];
}

function lagFindings({ database, master }: DatabaseFacts): readonly Finding[] {
  const replication = master && replicationOf(master);
  if (!replication) return [];
  const { question, offset, replicas } = replication;
  const late = replicas.flatMap(({ endpoint, offset: own }) => {
    const behind = own === undefined || offset === undefined ? 0 : offset - own;
    return behind > backlogBytes ? [{ where: formatEndpoint(endpoint), own, behind }] : [];
  });
  if (late.length === 0) return [];
  const behind = late
    .map((each) => `${each.where} by ${(each.behind / backlogBytes).toFixed(1)} MiB`)
    .join(', ');
  return [
    {
      code: 'replication-lag',
      severity: 'degraded',
      database: database.name,
      what: `replicas are behind the master ${master.server}: ${behind}; a failover now loses what they lack`,
      evidence: [
        {
          by: master.server,
          asked: question,
          answered: `offset ${String(offset)}; ${late.map(({ where, own }) => `${where} ${String(own)}`).join(', ')}`,
        },
      ],
      remedy:
        'Look at their network, disks and client-output-buffer-limit; see that writes slow down, or wait before a planned failover',
    },
  ];
}

const infoReplicationCommand: Command = ['INFO', 'replication'];

/** What the master reports in its reply to ROLE, or to INFO where the ACL forbids ROLE. */
function replicationOf(master: ServerReplies): (Replication & { question: string }) | undefined {
  const byRole = readReplication(replyTo(master, roleCommand) ?? null);
  if (byRole) return { ...byRole, question: 'ROLE' };
  const byInfo = readReplicationInfo(replyTo(master, infoReplicationCommand) ?? null);
  return byInfo && { ...byInfo, question: 'INFO replication' };
}

/** Advice only: it trades availability for safety. */
function guardFindings({ database, master, replicas }: DatabaseFacts): readonly Finding[] {
  const value = master && asMap(replyTo(master, minReplicasCommand) ?? null).get('min-replicas-to-write');
  if (!master || value !== '0' || replicas.length === 0) return [];
  return [
    {
      code: 'min-replicas-unset',
      severity: 'ok',
      database: database.name,
      what: 'a master that is cut off from its replicas keeps accepting writes, which are lost when it comes back',
      evidence: [replyEvidence(master, minReplicasCommand)],
      remedy:
        'If you would rather refuse writes than lose them: min-replicas-to-write 1 and min-replicas-max-lag 10 on every server',
    },
  ];
}

/** A failover that failed is tried again after twice this (redis 7.0.15, sentinel.c); its default is 180 s, in milliseconds. */
const longTimeoutMs = 180_000;

function paceFindings({ database, survey }: DatabaseFacts, { sentinels }: Facts): readonly Finding[] {
  const { master: question } = commandsFor(database);
  const decider = sentinels.find(({ replies }) => replies.server === survey.adopted?.by)?.replies;
  if (!decider) return [];
  const settings = asMap(replyTo(decider, question) ?? null);
  const [downAfterMs, timeoutMs] = ['down-after-milliseconds', 'failover-timeout'].map((key) =>
    Number(settings.get(key)),
  );
  const findings: Finding[] = [];
  const evidenceOf = (key: string): Finding['evidence'] => [
    { by: decider.server, asked: question.join(' '), answered: `${key} ${settings.get(key) ?? ''}` },
  ];
  const { name, holdMs } = database;
  if (downAfterMs !== undefined && downAfterMs >= holdMs) {
    findings.push({
      code: 'down-after-long',
      severity: 'degraded',
      database: name,
      what: `a dead master is noticed after ${String(downAfterMs)} ms, and clients that wait are refused after ${String(holdMs)} ms: they see the failover`,
      evidence: evidenceOf('down-after-milliseconds'),
      remedy: `On every Sentinel: SENTINEL SET ${name} down-after-milliseconds 5000; or let clients wait longer with holdMs`,
    });
  }
  if (timeoutMs !== undefined && timeoutMs >= longTimeoutMs) {
    findings.push({
      code: 'failover-timeout-long',
      severity: 'ok',
      database: name,
      what: `a failed failover is tried again after ${String((timeoutMs * 2) / 1000)} s, twice failover-timeout`,
      evidence: evidenceOf('failover-timeout'),
      remedy: `On every Sentinel: SENTINEL SET ${name} failover-timeout 60000, if replicas are in step again within that time`,
    });
  }
  return findings;
}
