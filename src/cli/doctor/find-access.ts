import type { Command, ServerReplies } from '../../redis/query.ts';
import { channels, promotionChannels } from '../../sentinel/links/announcement.ts';
import type { DatabaseFacts, Facts, SentinelFacts } from './facts.ts';
import type { Evidence, Finding } from './finding.ts';
import { commandsFor, errorTo, replyEvidence, reportedRole, roleCommand } from './queries.ts';

/** Passwords and permissions, of Sentinels and of Redis. */
export function accessFindings(facts: Facts): readonly Finding[] {
  return [
    ...facts.sentinels.flatMap((each) => sentinelAccess(each, facts)),
    ...facts.databases.flatMap(redisAccess),
  ];
}

function sentinelAccess({ replies, subscribed }: SentinelFacts, { config }: Facts): readonly Finding[] {
  const { server: by, login } = replies;
  const user = config.sentinel.credentials?.username ?? 'default';
  if (login.kind === 'refused') {
    const evidence = [{ by, asked: `AUTH ${user} [redacted]`, answered: login.why }];
    return [
      {
        code: 'sentinel-password-wrong',
        severity: 'degraded',
        what: `${by} refuses the credentials of "sentinel": ${login.why}`,
        evidence,
        remedy:
          'Correct sentinel.username and sentinel.password or passwordFile. They are those of sentinel.conf (requirepass, user), not those of Redis',
      },
    ];
  }
  const [first] = config.databases.map(commandsFor);
  if (first && errorTo(replies, first.address)?.startsWith('NOAUTH')) {
    return [
      {
        code: 'sentinel-password-missing',
        severity: 'degraded',
        what: `${by} requires a password, but none is configured`,
        evidence: [replyEvidence(replies, first.address)],
        remedy: 'Set sentinel.password or sentinel.passwordFile, and sentinel.username for an ACL user',
      },
    ];
  }
  const needless: readonly Finding[] =
    login.kind === 'needless' ? [needlessFinding(by, user, 'sentinel')] : [];
  const denied = first
    ? [first.address, first.master, first.sentinels].filter((command) => isDenied(replies, command))
    : [];
  return [
    ...needless,
    ...permissionFindings(replies, denied, user),
    ...subscriptionFindings(subscribed, user),
  ];
}

function needlessFinding(by: string, user: string, key: string): Finding {
  return {
    code: 'password-needless',
    severity: 'degraded',
    what: `${by} requires no password, but one is configured`,
    evidence: [{ by, asked: `AUTH ${user} [redacted]`, answered: 'no password is set' }],
    remedy: `It may be the wrong server, or have lost its configuration; if it needs no password, remove that of "${key}"`,
  };
}

/** What follows where the ACL forbids one of these commands, by its second word. */
const consequences: Readonly<Record<string, string>> = {
  'get-master-addr-by-name': 'it cannot report the master',
  MASTER: 'its epoch is unknown, so it may be behind unnoticed',
  SENTINELS: 'it cannot report the other Sentinels',
};

function permissionFindings(
  replies: ServerReplies,
  denied: readonly Command[],
  user: string,
): readonly Finding[] {
  if (denied.length === 0) return [];
  const commands = denied.map(([, second = '']) => second);
  const what = `the ACL of ${replies.server} does not let "${user}" ask SENTINEL ${commands.join(', SENTINEL ')}: ${commands.map((each) => consequences[each] ?? '').join('; ')}`;
  const grants = commands.map((each) => `+sentinel|${each.toLowerCase()}`).join(' ');
  const remedy = `On that Sentinel: ACL SETUSER ${user} ${grants} (and the same in its "user" line of sentinel.conf)`;
  return [
    {
      code: 'sentinel-permission',
      severity: 'degraded',
      what,
      evidence: denied.map((command) => replyEvidence(replies, command)),
      remedy,
    },
  ];
}

function subscriptionFindings(subscribed: ServerReplies, user: string): readonly Finding[] {
  const refused = channels.filter((channel) => isDenied(subscribed, ['SUBSCRIBE', channel]));
  const [first] = refused;
  if (first === undefined) return [];
  const evidence: readonly Evidence[] = [replyEvidence(subscribed, ['SUBSCRIBE', first])];
  const { server: by } = subscribed;
  const isCommand = /'subscribe' command/i.test(evidence[0]?.answered ?? '');
  if (isCommand) {
    return [
      {
        code: 'sentinel-subscribe',
        severity: 'degraded',
        what: `the ACL of ${by} forbids "${user}" to subscribe: failovers are only noticed by polling, about a second later`,
        evidence,
        remedy: `On that Sentinel: ACL SETUSER ${user} +subscribe allchannels (and the same in its "user" line of sentinel.conf)`,
      },
    ];
  }
  const isFence = promotionChannels.some((channel) => refused.includes(channel));
  const effect = isFence
    ? 'the failovers that it leads are noticed about a second later'
    : 'some lines of its failovers are missing';
  const what = `the ACL of ${by} forbids "${user}" ${String(refused.length)} of ${String(channels.length)} channels (${refused.slice(0, 4).join(', ')}${refused.length > 4 ? ', …' : ''}): ${effect}`;
  return [
    {
      code: 'sentinel-channels',
      severity: 'degraded',
      what,
      evidence,
      remedy: `On that Sentinel: ACL SETUSER ${user} allchannels, or &*failover* and &*switch* at least`,
    },
  ];
}

function redisAccess({ database, master }: DatabaseFacts): readonly Finding[] {
  if (!master) return [];
  const { server: by, login } = master;
  const { name, redis } = database;
  const user = redis.credentials?.username ?? 'default';
  const later = 'it is served because the Sentinels name it, and a failover takes about a second longer';
  if (login.kind === 'refused') {
    const evidence = [{ by, asked: `AUTH ${user} [redacted]`, answered: login.why }];
    return [
      {
        code: 'redis-password-wrong',
        severity: 'degraded',
        database: name,
        what: `the master ${by} refuses the credentials of "redis": ${later}`,
        evidence,
        remedy:
          'Correct redis.username and redis.password or passwordFile; clients log in with their own credentials and are not affected',
      },
    ];
  }
  const denied = errorTo(master, roleCommand);
  if (denied?.startsWith('NOAUTH')) {
    return [
      {
        code: 'redis-password-missing',
        severity: 'degraded',
        database: name,
        what: `the master ${by} requires a password, but "redis" has none: ${later}`,
        evidence: [replyEvidence(master, roleCommand)],
        remedy: 'Set redis.password or redis.passwordFile; a user with "-@all +role" is enough',
      },
    ];
  }
  const needless =
    login.kind === 'needless' ? [{ ...needlessFinding(by, user, 'redis'), database: name }] : [];
  if (denied === undefined || !/^NOPERM |^ERR unknown command/i.test(denied)) return needless;
  const isForbidden = denied.startsWith('NOPERM');
  const refusal = isForbidden
    ? `the ACL of ${by} does not let "${user}" ask ROLE`
    : `${by} does not know ROLE: it has been renamed, or this is another kind of server`;
  const reported = reportedRole(master);
  const permission: Finding = {
    code: 'redis-permission',
    severity: reported ? 'ok' : 'degraded',
    database: name,
    what: reported
      ? `${refusal}: the role is taken from ${reported.query.name}`
      : `${refusal}, and neither HELLO nor INFO reports the role: ${later}`,
    evidence: [replyEvidence(master, roleCommand)],
    remedy: isForbidden
      ? `On the Redis servers: ACL SETUSER ${user} +role, which avoids an entry in their ACL log for each connection`
      : reported
        ? 'Nothing has to be done'
        : 'Leave ROLE, HELLO or INFO under its name on the Redis servers (rename-command)',
  };
  return [...needless, permission];
}

function isDenied(replies: ServerReplies, command: Command): boolean {
  return errorTo(replies, command)?.startsWith('NOPERM') ?? false;
}
