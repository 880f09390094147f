import type { ServerReplies, TimedReply } from '../../redis/query.ts';
import type { Reply } from '../../redis/resp.ts';
import type { Facts } from './facts.ts';
import type { Finding } from './finding.ts';
import { timeCommand } from './queries.ts';

/** Clocks that NTP sets agree within milliseconds; beyond this the expiry of keys and the times in logs cannot be compared. */
const mostMs = 2_000;

/** The clocks of Redis servers that permit TIME. A Sentinel has no such command. */
export function clockFindings({ databases }: Facts): readonly Finding[] {
  const seen = new Set<string>();
  return databases.flatMap(({ database, master, replicas }) =>
    [...(master ? [master] : []), ...replicas.map(({ replies }) => replies)].flatMap(
      (replies): readonly Finding[] => {
        const ahead = aheadMs(replies);
        if (ahead === undefined || Math.abs(ahead) <= mostMs || seen.has(replies.server)) return [];
        seen.add(replies.server);
        const seconds = (Math.abs(ahead) / 1000).toFixed(1);
        const what = `the clock of ${replies.server} is ${seconds} s ${ahead > 0 ? 'ahead of' : 'behind'} the one here`;
        const answered = timeReplyOf(replies);
        const evidence = [
          {
            by: replies.server,
            asked: 'TIME',
            answered: answered ? new Date(answered.sentAtMs + ahead).toISOString() : '',
          },
          {
            by: 'this machine',
            asked: 'its clock',
            answered: answered ? new Date(answered.sentAtMs).toISOString() : '',
          },
        ];
        return [
          {
            code: 'clock-differs',
            severity: 'degraded',
            database: database.name,
            what,
            evidence,
            remedy:
              'Let NTP (chrony, systemd-timesyncd) set the clocks of both machines: keys expire by them, and certificates are valid by them',
          },
        ];
      },
    ),
  );
}

function timeReplyOf({ replies }: ServerReplies): TimedReply | undefined {
  return replies.get(timeCommand.join(' '));
}

/** How far a clock is ahead of ours, in milliseconds; exact to half of what the reply took. */
function aheadMs(replies: ServerReplies): number | undefined {
  const answered = timeReplyOf(replies);
  if (!answered || !Array.isArray(answered.reply)) return undefined;
  const [seconds, micros] = (answered.reply as readonly Reply[]).map(Number);
  if (seconds === undefined || micros === undefined || !Number.isFinite(seconds + micros)) return undefined;
  const difference = seconds * 1000 + micros / 1000 - (answered.sentAtMs + answered.tookMs / 2);
  return Math.abs(difference) <= answered.tookMs / 2 ? 0 : difference;
}
