import { type Reply } from '../../redis/resp.ts';
import type { Facts } from './facts.ts';
import type { Finding } from './finding.ts';
import type { Interview } from './interview.ts';

/** Clocks that are kept by NTP agree within milliseconds; beyond this expiry of keys and the times of logs cannot be compared. */
const mostMs = 2_000;

/** Clocks of Redis servers, where TIME may be asked. A Sentinel does not know TIME. */
export function clockFindings({ databases }: Facts): readonly Finding[] {
  const seen = new Set<string>();
  return databases.flatMap(({ database, master, replicas }) =>
    [...(master ? [master] : []), ...replicas.map(({ asked }) => asked)].flatMap(
      (asked): readonly Finding[] => {
        const ahead = aheadMs(asked);
        if (ahead === undefined || Math.abs(ahead) <= mostMs || seen.has(asked.by)) return [];
        seen.add(asked.by);
        const seconds = (Math.abs(ahead) / 1000).toFixed(1);
        const what = `the clock of ${asked.by} is ${seconds} s ${ahead > 0 ? 'ahead of' : 'behind'} the one here`;
        const answered = asked.answers.get('TIME');
        const evidence = [
          {
            by: asked.by,
            asked: 'TIME',
            answered: answered ? new Date(answered.askedAtMs + ahead).toISOString() : '',
          },
          {
            by: 'this machine',
            asked: 'its clock',
            answered: answered ? new Date(answered.askedAtMs).toISOString() : '',
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

/** How far a clock is ahead of ours, in milliseconds: known but for half the time that the answer took. */
function aheadMs({ answers }: Interview): number | undefined {
  const answered = answers.get('TIME');
  if (!answered || !Array.isArray(answered.reply)) return undefined;
  const [seconds, micros] = (answered.reply as readonly Reply[]).map(Number);
  if (seconds === undefined || micros === undefined || !Number.isFinite(seconds + micros)) return undefined;
  const difference = seconds * 1000 + micros / 1000 - (answered.askedAtMs + answered.tookMs / 2);
  return Math.abs(difference) <= answered.tookMs / 2 ? 0 : difference;
}
