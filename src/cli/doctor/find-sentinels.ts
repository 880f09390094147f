import { count } from '../../admin/wording.ts';
import { formatEndpoint } from '../../net/endpoint.ts';
import { isRefusal } from '../../net/refusal-reply.ts';
import { readInfo } from '../../redis/info.ts';
import { replyTo, type ServerReplies } from '../../redis/query.ts';
import { asMap } from '../../redis/resp.ts';
import { rowsOf } from '../../sentinel/links/answer.ts';
import { isNotSentinel } from '../../sentinel/links/denial.ts';
import { myIdCommand } from '../../sentinel/links/query.ts';
import { votersIn } from '../../sentinel/members/survey.ts';
import { readRole } from '../../redis/role.ts';
import { causeOf } from './find-tls.ts';
import type { DatabaseFacts, Facts, SentinelFacts } from './facts.ts';
import type { Evidence, Finding } from './finding.ts';
import {
  commandsFor,
  connectEvidence,
  errorTo,
  infoSentinelCommand,
  infoServerCommand,
  replyEvidence,
  roleCommand,
} from './queries.ts';
import type { ProbedReplies } from './tls-probe.ts';

/** Findings about each Sentinel alone: whether it is one, its identity, its version, its clock. */
export function sentinelFindings({ config, sentinels }: Facts): readonly Finding[] {
  return sentinels.flatMap(({ replies }, index): readonly Finding[] => [
    ...reachFindings(replies, config.sentinel),
    ...aliasFindings(replies, sentinels.slice(0, index)),
    ...ageFindings(replies),
    ...tiltFindings(replies),
  ]);
}

function reachFindings(replies: ProbedReplies, access: Facts['config']['sentinel']): readonly Finding[] {
  const { server: by, failure } = replies;
  const stranger = strangerOf(replies);
  if (stranger !== undefined) {
    const what = `${by} is not a Sentinel: ${stranger}`;
    const evidence = [
      failure ? connectEvidence(replies) : replyEvidence(replies, myIdCommand),
      replyEvidence(replies, roleCommand),
    ];
    return [
      {
        code: 'sentinel-not-sentinel',
        severity: 'degraded',
        what,
        evidence: failure ? evidence.slice(0, 1) : evidence,
        remedy: 'Put the port of Sentinel under "sentinels" (26379 is usual), not that of Redis',
      },
    ];
  }
  if (!failure) return [];
  const cause = causeOf(replies, access, 'sentinel');
  if (cause) return [{ ...cause, severity: 'degraded', what: `${by} ${cause.what}` }];
  const what = `the Sentinel ${by} does not answer: ${failure.text}`;
  const remedy = remedyOfSilence(failure.cause, by);
  return [
    {
      code: 'sentinel-unreachable',
      severity: 'degraded',
      what,
      evidence: [connectEvidence(replies)],
      remedy,
    },
  ];
}

function remedyOfSilence(cause: string | undefined, by: string): string {
  switch (cause) {
    case 'ECONNREFUSED':
      return `Nothing listens there: start that Sentinel, check its "bind" and "port", or correct ${by} under "sentinels"`;
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'There is no route to it: check routes and the address';
    default:
      return 'Check whether it runs and is not frozen, and whether a firewall or a network policy drops packets to it';
  }
}

/** What answers instead of a Sentinel; `undefined` where it is one, or does not answer. */
function strangerOf(replies: ServerReplies): string | undefined {
  if (replies.failure?.code === 'ST_SENTINEL_REPLY_INVALID')
    return 'what answers does not speak the Redis protocol';
  if (isRefusal(errorTo(replies, roleCommand) ?? '')) return 'it is a Sentinel Tunnel';
  switch (readRole(replyTo(replies, roleCommand) ?? null)?.kind) {
    case 'master':
      return 'it is a Redis server, a master';
    case 'replica':
    case 'active-replica':
      return 'it is a Redis server, a replica';
    default:
  }
  return isNotSentinel(errorTo(replies, myIdCommand) ?? '')
    ? 'it does not know the command SENTINEL, as a Redis server does not'
    : undefined;
}

function aliasFindings(replies: ServerReplies, earlier: readonly SentinelFacts[]): readonly Finding[] {
  const id = replyTo(replies, myIdCommand);
  if (typeof id !== 'string') return [];
  const alias = earlier.find((other) => replyTo(other.replies, myIdCommand) === id)?.replies;
  if (!alias) return [];
  const what = `${replies.server} is the same Sentinel as ${alias.server}: the two have one vote`;
  return [
    {
      code: 'sentinel-twin',
      severity: 'degraded',
      what,
      evidence: [replyEvidence(alias, myIdCommand), replyEvidence(replies, myIdCommand)],
      remedy: 'Remove one of them, or correct its address',
    },
  ];
}

/** `SENTINEL MYID` came with Redis 6.2 (redis.io/commands/sentinel-myid), ROLE with 2.8.12 (redis.io/commands/role). */
function ageFindings(replies: ServerReplies): readonly Finding[] {
  const version = readInfo(replyTo(replies, infoServerCommand)).get('redis_version');
  const [major = 0, minor = 0, patch = 0] = (version ?? '').split('.').map(Number);
  if (version === undefined || !/^\d+\.\d+/.test(version) || major > 6 || (major === 6 && minor >= 2))
    return [];
  const isAncient = major < 2 || (major === 2 && (minor < 8 || (minor === 8 && patch < 12)));
  const what = isAncient
    ? `${replies.server} has version ${version}: servers of that age have neither ROLE nor HELLO, so their role is read from INFO`
    : `${replies.server} has version ${version}, which has no SENTINEL MYID: two addresses of one Sentinel cannot be recognised`;
  const evidence = [{ by: replies.server, asked: 'INFO server', answered: `redis_version ${version}` }];
  return [
    {
      code: 'sentinel-old',
      severity: isAncient ? 'degraded' : 'ok',
      what,
      evidence,
      remedy: 'Update it when you can: 6.2 and newer have every command that the tunnel uses',
    },
  ];
}

function tiltFindings(replies: ServerReplies): readonly Finding[] {
  const info = readInfo(replyTo(replies, infoSentinelCommand));
  if (info.get('sentinel_tilt') !== '1') return [];
  const since = info.get('sentinel_tilt_since_seconds');
  const evidence = [
    {
      by: replies.server,
      asked: 'INFO sentinel',
      answered: `sentinel_tilt:1${since === undefined ? '' : `, for ${since} s`}`,
    },
  ];
  const remedy =
    'It ends after 30 s with a steady clock. If it returns, that machine stalls or its clock jumps (overload, paused virtual machine, NTP step)';
  return [
    {
      code: 'sentinel-tilt',
      severity: 'degraded',
      what: `${replies.server} is in TILT mode: it does not trust its clock, and takes no part in failovers`,
      evidence,
      remedy,
    },
  ];
}

/** Findings about all Sentinels of a database: how many there are, whether they agree, whether they could fail over. */
export function togetherFindings(facts: Facts): readonly Finding[] {
  return facts.databases.flatMap((each) => [
    ...strangerFindings(each),
    ...numberFindings(each, facts),
    ...disagreementFindings(each, facts),
    ...quorumFindings(each, facts),
  ]);
}

function strangerFindings({ database, survey }: DatabaseFacts): readonly Finding[] {
  return survey.sentinels.flatMap(({ sentinel, answer, id, isStranger }) => {
    if (!isStranger || answer.kind !== 'address') return [];
    const names = formatEndpoint(answer.endpoint);
    return [
      {
        code: 'sentinel-stranger',
        severity: 'degraded',
        database: database.name,
        what: `${sentinel} belongs to another deployment: no other Sentinel knows its run id, and it names ${names} as the master of "${database.name}". It has no vote`,
        evidence: [
          { by: sentinel, asked: myIdCommand.join(' '), answered: id ?? '' },
          { by: sentinel, asked: commandsFor(database).address.join(' '), answered: names },
        ],
        remedy: `Correct its address, or remove ${sentinel} from "sentinels"`,
      },
    ];
  });
}

/** With fewer than three a failover is impossible as soon as one is lost (Redis documentation, Sentinel, "Fundamental things to know"). */
const leastSentinels = 3;

function numberFindings({ database, survey }: DatabaseFacts, { sentinels }: Facts): readonly Finding[] {
  const { name } = database;
  const { master, sentinels: others } = commandsFor(database);
  const voters = votersIn(survey).length;
  const counts = sentinels.flatMap(({ replies }) => {
    const known = rowsOf(replyTo(replies, others));
    const answered = replyTo(replies, others);
    const many =
      Number(asMap(replyTo(replies, master) ?? null).get('num-other-sentinels') ?? known.length) + 1;
    return Array.isArray(answered) || many > 1 ? [{ replies, many }] : [];
  });
  const most = Math.max(0, ...counts.map(({ many }) => many));
  const witness = counts.find(({ many }) => many === most)?.replies;
  if (!witness || Math.max(most, voters) >= leastSentinels) return [];
  const what = `${String(most)} Sentinel${most === 1 ? '' : 's'} watch${most === 1 ? 'es' : ''} "${name}": once one is lost no failover is possible`;
  const evidence = [{ by: witness.server, asked: others.join(' '), answered: `${String(most - 1)} others` }];
  return [
    {
      code: 'sentinels-few',
      severity: 'degraded',
      database: name,
      what,
      evidence,
      remedy: 'Run at least three Sentinels, on machines that do not fail together',
    },
  ];
}

function disagreementFindings({ database, survey }: DatabaseFacts, { sentinels }: Facts): readonly Finding[] {
  const { address, master } = commandsFor(database);
  const answers = votersIn(survey).flatMap(({ sentinel, answer }) =>
    answer.kind === 'address' ? [{ sentinel, answer }] : [],
  );
  const addresses = new Set(answers.map(({ answer }) => formatEndpoint(answer.endpoint)));
  const epochs = new Set(answers.flatMap(({ answer }) => answer.epoch ?? []));
  if (addresses.size <= 1 && epochs.size <= 1) return [];
  const evidence = answers.map(({ sentinel, answer }): Evidence => {
    const command = addresses.size > 1 ? address : master;
    const epoch = answer.epoch === undefined ? 'epoch not readable' : `epoch ${String(answer.epoch)}`;
    return {
      by: sentinel,
      asked: command.join(' '),
      answered: `${formatEndpoint(answer.endpoint)}, ${epoch}`,
    };
  });
  const newest = sentinels.length > 0 && survey.adopted ? survey.adopted : undefined;
  const followed = newest ? `; ${formatEndpoint(newest.endpoint)} is served, as ${newest.by} says` : '';
  const remedy =
    'During a failover this passes within seconds. If it stays, a Sentinel is cut off from the others or was set up apart: compare SENTINEL MASTER on each, and SENTINEL RESET the one that is behind';
  const isAddress = addresses.size > 1;
  return [
    {
      code: isAddress ? 'sentinels-disagree' : 'epochs-differ',
      severity: 'degraded',
      database: database.name,
      what: isAddress
        ? `the Sentinels name ${String(addresses.size)} servers as the master of "${database.name}"${followed}`
        : `the Sentinels name one master of "${database.name}" under ${String(epochs.size)} configuration epochs: some are behind`,
      evidence,
      remedy,
    },
  ];
}

function quorumFindings({ database }: DatabaseFacts, { sentinels }: Facts): readonly Finding[] {
  const { quorum, master } = commandsFor(database);
  const refusing = sentinels.filter(({ replies }) => errorTo(replies, quorum)?.startsWith('NOQUORUM'));
  const { name } = database;
  const remedy =
    'Start the Sentinels that are down or repair the network between them; the quorum of "sentinel monitor" must not exceed their number';
  if (refusing.length > 0) {
    const evidence = refusing.map(({ replies }) => replyEvidence(replies, quorum));
    return [
      {
        code: 'quorum-unreachable',
        severity: 'degraded',
        database: name,
        what: `no failover of "${name}" is possible now: ${String(refusing.length)} of ${String(sentinels.length)} Sentinels say that the quorum or the majority cannot be reached`,
        evidence,
        remedy,
      },
    ];
  }
  // Where the ACL forbids CKQUORUM, the lists can still be counted.
  return sentinels
    .flatMap(({ replies }): readonly Finding[] => {
      const wanted = Number(asMap(replyTo(replies, master) ?? null).get('quorum'));
      const others = replyTo(replies, commandsFor(database).sentinels);
      if (replyTo(replies, quorum) === undefined || errorTo(replies, quorum) === undefined) return [];
      if (!Array.isArray(others) || !(wanted > others.length + 1)) return [];
      const what = `no failover of "${name}" is ever possible: its quorum is ${String(wanted)}, and ${replies.server} knows ${count(others.length + 1, 'Sentinel')}`;
      return [
        {
          code: 'quorum-unreachable',
          severity: 'degraded',
          database: name,
          what,
          evidence: [{ by: replies.server, asked: master.join(' '), answered: `quorum ${String(wanted)}` }],
          remedy,
        },
      ];
    })
    .slice(0, 1);
}
