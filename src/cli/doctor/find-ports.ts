import { formatEndpoint } from '../../net/endpoint.ts';
import type { Facts } from './facts.ts';
import { thisMachine } from './find-host.ts';
import type { Finding } from './finding.ts';

/** The share of the local ports that is to be left. */
const leastShare = 0.1;

/** Whether this machine will soon have no local port left from which to connect to a master. */
export function localPortFindings({ localPorts }: Pick<Facts, 'localPorts'>): readonly Finding[] {
  return localPorts.flatMap(({ endpoint, first, last, connected, timeWait, isReused }) => {
    const all = last - first + 1;
    const left = all - connected - (isReused ? 0 : timeWait);
    if (left >= all * leastShare) return [];
    const where = formatEndpoint(endpoint);
    const over = timeWait === 0 ? '' : `, and ${String(timeWait)} are in TIME_WAIT for up to a minute`;
    return [
      {
        code: 'local-ports-few',
        severity: 'degraded',
        what: `${String(Math.max(0, left))} of the ${String(all)} local ports are left for connections to ${where}: ${String(connected)} are connected${over}; without one a client cannot be served`,
        evidence: [
          {
            by: thisMachine,
            asked: `ip_local_port_range, and /proc/net/tcp for connections to ${where}`,
            answered: `${String(first)} to ${String(last)}; ${String(connected)} connected, ${String(timeWait)} in TIME_WAIT`,
          },
        ],
        remedy:
          'Widen the range (sysctl net.ipv4.ip_local_port_range="10240 65535"), reuse ports in TIME_WAIT (sysctl net.ipv4.tcp_tw_reuse=1), and have clients keep their connections instead of opening one for each command',
      },
    ];
  });
}
