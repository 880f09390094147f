import { channels, promotionChannels } from '../../sentinel/links/announcement.ts';
import type { DatabaseFacts, Facts, SentinelFacts } from './facts.ts';
import type { Evidence, Finding } from './finding.ts';
import { questionsOf } from './gather.ts';
import { errorTo, said, toldRole, type Interview } from './interview.ts';

/** Passwords and permissions, of Sentinels and of Redis. */
export function accessFindings(facts: Facts): readonly Finding[] {
  return [
    ...facts.sentinels.flatMap((each) => sentinelAccess(each, facts)),
    ...facts.databases.flatMap(redisAccess),
  ];
}

function sentinelAccess({ asked, subscribed }: SentinelFacts, { config }: Facts): readonly Finding[] {
  const { by, login } = asked;
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
  const questions = config.databases.map(questionsOf);
  const [first] = questions;
  if (first && errorTo(asked, ...first.address)?.startsWith('NOAUTH')) {
    return [
      {
        code: 'sentinel-password-missing',
        severity: 'degraded',
        what: `${by} requires a password, but none is configured`,
        evidence: [said(asked, ...first.address)],
        remedy: 'Set sentinel.password or sentinel.passwordFile, and sentinel.username for an ACL user',
      },
    ];
  }
  const needless: readonly Finding[] =
    login.kind === 'needless' ? [needlessFinding(by, user, 'sentinel')] : [];
  const denied = first
    ? [first.address, first.master, first.sentinels].filter((words) => isDenied(asked, words))
    : [];
  return [...needless, ...permissionFindings(asked, denied, user), ...subscriptionFindings(subscribed, user)];
}

function needlessFinding(by: string, user: string, key: string): Finding {
  return {
    code: 'password-needless',
    severity: 'degraded',
    what: `${by} requires no password, but one is configured`,
    evidence: [{ by, asked: `AUTH ${user} [redacted]`, answered: 'no password is set' }],
    remedy: `It is another server than was meant, or has lost its configuration; if it shall have none, leave the password of "${key}" out`,
  };
}

/** What follows where a question of these may not be asked, by its second word. */
const consequences: Readonly<Record<string, string>> = {
  'get-master-addr-by-name': 'nothing can be learnt from it',
  MASTER: 'its epoch is unknown, so nobody knows whether it is behind',
  SENTINELS: 'the Sentinels that it knows cannot be learnt from it',
};

function permissionFindings(
  asked: Interview,
  denied: readonly (readonly string[])[],
  user: string,
): readonly Finding[] {
  if (denied.length === 0) return [];
  const commands = denied.map(([, second = '']) => second);
  const what = `the ACL of ${asked.by} does not let "${user}" ask SENTINEL ${commands.join(', SENTINEL ')}: ${commands.map((each) => consequences[each] ?? '').join('; ')}`;
  const grants = commands.map((each) => `+sentinel|${each.toLowerCase()}`).join(' ');
  const remedy = `On that Sentinel: ACL SETUSER ${user} ${grants} (and the same in its "user" line of sentinel.conf)`;
  return [
    {
      code: 'sentinel-permission',
      severity: 'degraded',
      what,
      evidence: denied.map((words) => said(asked, ...words)),
      remedy,
    },
  ];
}

function subscriptionFindings(subscribed: Interview, user: string): readonly Finding[] {
  const refused = channels.filter((channel) => isDenied(subscribed, ['SUBSCRIBE', channel]));
  const [first] = refused;
  if (first === undefined) return [];
  const evidence: readonly Evidence[] = [said(subscribed, 'SUBSCRIBE', first)];
  const { by } = subscribed;
  const isCommand = /'subscribe' command/i.test(evidence[0]?.answered ?? '');
  if (isCommand) {
    return [
      {
        code: 'sentinel-subscribe',
        severity: 'degraded',
        what: `the ACL of ${by} forbids "${user}" to subscribe: failovers are noticed by asking alone, about a second later`,
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
  const { by, login } = master;
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
          'Correct redis.username and redis.password or passwordFile; clients log in by themselves and are not concerned',
      },
    ];
  }
  const denied = errorTo(master, 'ROLE');
  if (denied?.startsWith('NOAUTH')) {
    return [
      {
        code: 'redis-password-missing',
        severity: 'degraded',
        database: name,
        what: `the master ${by} requires a password, but "redis" has none: ${later}`,
        evidence: [said(master, 'ROLE')],
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
  const told = toldRole(master);
  const permission: Finding = {
    code: 'redis-permission',
    severity: told ? 'ok' : 'degraded',
    database: name,
    what: told
      ? `${refusal}: the role is taken from ${told.question.name}`
      : `${refusal}, and neither HELLO nor INFO tells the role: ${later}`,
    evidence: [said(master, 'ROLE')],
    remedy: isForbidden
      ? `On the Redis servers: ACL SETUSER ${user} +role, which spares an entry in their ACL log for each connection`
      : told
        ? 'Nothing has to be done'
        : 'Leave ROLE, HELLO or INFO under its name on the Redis servers (rename-command)',
  };
  return [...needless, permission];
}

function isDenied(asked: Interview, words: readonly string[]): boolean {
  return errorTo(asked, ...words)?.startsWith('NOPERM') ?? false;
}
