import { count } from '../../admin/wording.ts';
import { formatEndpoint } from '../../net/endpoint.ts';
import { isRefusal } from '../../net/refusal.ts';
import { readInfo } from '../../redis/info.ts';
import { isNotSentinel } from '../../sentinel/links/denial.ts';
import { asMap } from '../../redis/resp.ts';
import { votersIn } from '../../sentinel/members/survey.ts';
import { readRole } from '../../redis/role.ts';
import { causeOf } from './find-tls.ts';
import type { DatabaseFacts, Facts, SentinelFacts } from './facts.ts';
import type { Evidence, Finding } from './finding.ts';
import { questionsOf, rowsOf } from './gather.ts';
import { errorTo, failed, replyTo, said, type Interview } from './interview.ts';

const myId = ['SENTINEL', 'MYID'] as const;

/** Each Sentinel by itself: whether it is one, which, how old, and whether it trusts its clock. */
export function sentinelFindings({ config, sentinels }: Facts): readonly Finding[] {
  return sentinels.flatMap(({ asked }, index): readonly Finding[] => [
    ...reachFindings(asked, config.sentinel),
    ...twinFindings(asked, sentinels.slice(0, index)),
    ...ageFindings(asked),
    ...tiltFindings(asked),
  ]);
}

function reachFindings(asked: Interview, access: Facts['config']['sentinel']): readonly Finding[] {
  const { by, failure } = asked;
  const stranger = strangerOf(asked);
  if (stranger !== undefined) {
    const what = `${by} is no Sentinel: ${stranger}`;
    const evidence = [failure ? failed(asked) : said(asked, ...myId), said(asked, 'ROLE')];
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
  const cause = causeOf(asked, access, 'sentinel');
  if (cause) return [{ ...cause, severity: 'degraded', what: `${by} ${cause.what}` }];
  const what = `the Sentinel ${by} does not answer: ${failure.text}`;
  const remedy = remedyOfSilence(failure.cause, by);
  return [{ code: 'sentinel-unreachable', severity: 'degraded', what, evidence: [failed(asked)], remedy }];
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
function strangerOf(asked: Interview): string | undefined {
  if (asked.failure?.code === 'ST_SENTINEL_REPLY_INVALID')
    return 'what answers does not speak the Redis protocol';
  if (isRefusal(errorTo(asked, 'ROLE') ?? '')) return 'it is a Sentinel Tunnel';
  switch (readRole(replyTo(asked, 'ROLE') ?? null)?.kind) {
    case 'master':
      return 'it is a Redis server, a master';
    case 'replica':
    case 'active-replica':
      return 'it is a Redis server, a replica';
    default:
  }
  return isNotSentinel(errorTo(asked, ...myId) ?? '')
    ? 'it does not know the command SENTINEL, as a Redis server does not'
    : undefined;
}

function twinFindings(asked: Interview, earlier: readonly SentinelFacts[]): readonly Finding[] {
  const id = replyTo(asked, ...myId);
  if (typeof id !== 'string') return [];
  const twin = earlier.find((other) => replyTo(other.asked, ...myId) === id)?.asked;
  if (!twin) return [];
  const what = `${asked.by} is the same Sentinel as ${twin.by}: the two have one vote`;
  return [
    {
      code: 'sentinel-twin',
      severity: 'degraded',
      what,
      evidence: [said(twin, ...myId), said(asked, ...myId)],
      remedy: 'Leave one of them out, or write the address of the Sentinel that was meant',
    },
  ];
}

/** `SENTINEL MYID` came with Redis 6.2 (redis.io/commands/sentinel-myid), ROLE with 2.8.12 (redis.io/commands/role). */
function ageFindings(asked: Interview): readonly Finding[] {
  const version = readInfo(replyTo(asked, 'INFO', 'server')).get('redis_version');
  const [major = 0, minor = 0, patch = 0] = (version ?? '').split('.').map(Number);
  if (version === undefined || !/^\d+\.\d+/.test(version) || major > 6 || (major === 6 && minor >= 2))
    return [];
  const isAncient = major < 2 || (major === 2 && (minor < 8 || (minor === 8 && patch < 12)));
  const what = isAncient
    ? `${asked.by} has version ${version}: servers of that age know neither ROLE nor HELLO, and are asked for their role by INFO alone`
    : `${asked.by} has version ${version}, which has no SENTINEL MYID: two addresses of one Sentinel cannot be recognised`;
  const evidence = [{ by: asked.by, asked: 'INFO server', answered: `redis_version ${version}` }];
  return [
    {
      code: 'sentinel-old',
      severity: isAncient ? 'degraded' : 'ok',
      what,
      evidence,
      remedy: 'Update it when you can: 6.2 and newer have all that is asked for',
    },
  ];
}

function tiltFindings(asked: Interview): readonly Finding[] {
  const info = readInfo(replyTo(asked, 'INFO', 'sentinel'));
  if (info.get('sentinel_tilt') !== '1') return [];
  const since = info.get('sentinel_tilt_since_seconds');
  const evidence = [
    {
      by: asked.by,
      asked: 'INFO sentinel',
      answered: `sentinel_tilt:1${since === undefined ? '' : `, for ${since} s`}`,
    },
  ];
  const remedy =
    'It ends by itself after 30 s in which the clock is steady. If it comes back: that machine stands still or its clock jumps (overload, paused virtual machine, NTP step)';
  return [
    {
      code: 'sentinel-tilt',
      severity: 'degraded',
      what: `${asked.by} is in TILT mode: it does not trust its clock, and takes no part in failovers`,
      evidence,
      remedy,
    },
  ];
}

/** The Sentinels together, for each database: how many, whether they agree, whether they could act. */
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
          { by: sentinel, asked: myId.join(' '), answered: id ?? '' },
          { by: sentinel, asked: questionsOf(database).address.join(' '), answered: names },
        ],
        remedy: `Write the address of the Sentinel that was meant, or take ${sentinel} out of "sentinels"`,
      },
    ];
  });
}

/** With fewer than three a failover is impossible as soon as one is lost (Redis documentation, Sentinel, "Fundamental things to know"). */
const leastSentinels = 3;

function numberFindings({ database, survey }: DatabaseFacts, { sentinels }: Facts): readonly Finding[] {
  const { name } = database;
  const { master, sentinels: others } = questionsOf(database);
  const voters = votersIn(survey).length;
  const told = sentinels.flatMap(({ asked }) => {
    const known = rowsOf(replyTo(asked, ...others));
    const answered = replyTo(asked, ...others);
    const many =
      Number(asMap(replyTo(asked, ...master) ?? null).get('num-other-sentinels') ?? known.length) + 1;
    return Array.isArray(answered) || many > 1 ? [{ asked, many }] : [];
  });
  const most = Math.max(0, ...told.map(({ many }) => many));
  const witness = told.find(({ many }) => many === most)?.asked;
  if (!witness || Math.max(most, voters) >= leastSentinels) return [];
  const what = `${String(most)} Sentinel${most === 1 ? '' : 's'} watch${most === 1 ? 'es' : ''} "${name}": once one is lost no failover is possible`;
  const evidence = [{ by: witness.by, asked: others.join(' '), answered: `${String(most - 1)} others` }];
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
  const { address, master } = questionsOf(database);
  const answers = votersIn(survey).flatMap(({ sentinel, answer }) =>
    answer.kind === 'address' ? [{ sentinel, answer }] : [],
  );
  const addresses = new Set(answers.map(({ answer }) => formatEndpoint(answer.endpoint)));
  const epochs = new Set(answers.flatMap(({ answer }) => answer.epoch ?? []));
  if (addresses.size <= 1 && epochs.size <= 1) return [];
  const evidence = answers.map(({ sentinel, answer }): Evidence => {
    const asked = addresses.size > 1 ? address : master;
    const epoch = answer.epoch === undefined ? 'epoch not readable' : `epoch ${String(answer.epoch)}`;
    return { by: sentinel, asked: asked.join(' '), answered: `${formatEndpoint(answer.endpoint)}, ${epoch}` };
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
  const { quorum, master } = questionsOf(database);
  const refusing = sentinels.filter(({ asked }) => errorTo(asked, ...quorum)?.startsWith('NOQUORUM'));
  const { name } = database;
  const remedy =
    'Start the Sentinels that are down or repair the network between them; the quorum of "sentinel monitor" must not exceed their number';
  if (refusing.length > 0) {
    const evidence = refusing.map(({ asked }) => said(asked, ...quorum));
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
  // Who may not ask that can still count.
  return sentinels
    .flatMap(({ asked }): readonly Finding[] => {
      const wanted = Number(asMap(replyTo(asked, ...master) ?? null).get('quorum'));
      const others = replyTo(asked, ...questionsOf(database).sentinels);
      if (replyTo(asked, ...quorum) === undefined || errorTo(asked, ...quorum) === undefined) return [];
      if (!Array.isArray(others) || !(wanted > others.length + 1)) return [];
      const what = `no failover of "${name}" is ever possible: its quorum is ${String(wanted)}, and ${asked.by} knows ${count(others.length + 1, 'Sentinel')}`;
      return [
        {
          code: 'quorum-unreachable',
          severity: 'degraded',
          database: name,
          what,
          evidence: [{ by: asked.by, asked: master.join(' '), answered: `quorum ${String(wanted)}` }],
          remedy,
        },
      ];
    })
    .slice(0, 1);
}
