import { isShort } from '../../descriptor-budget.ts';
import { formatListenAddress, isLoopback } from '../../net/endpoint.ts';
import type { Facts } from './facts.ts';
import type { Evidence, Finding } from './finding.ts';
import { isTunnel } from './port-holder.ts';
import { isOurs, type HostFacts, type ListenerFacts } from './host-facts.ts';

export const thisMachine = 'this machine';

/** Ports, socket files, the log file, descriptors. */
export function hostFindings({ host, config }: Pick<Facts, 'host' | 'config'>): readonly Finding[] {
  const admin = host.admin ? listenerFindings(host.admin, host) : [];
  return [
    ...host.listeners.flatMap((listener) => listenerFindings(listener, host)),
    ...admin,
    ...logFindings(host, config.log.file),
    ...descriptorFindings(host),
  ];
}

function listenerFindings(listener: ListenerFacts, host: HostFacts): readonly Finding[] {
  const { database, address, objection, holder } = listener;
  if (objection === undefined) return [];
  const text = formatListenAddress(address);
  const isAdmin = database === undefined;
  const about = isAdmin ? {} : { database };
  const answered = holder ? `${objection}, pid ${String(holder.pid)}: ${holder.command}` : objection;
  const evidence: readonly Evidence[] = [{ by: thisMachine, asked: `to listen on ${text}`, answered }];
  const isRunning = isAdmin ? host.running !== undefined : isOurs(host, address);
  if (objection === 'EADDRINUSE' && isRunning) {
    if (isAdmin) return [];
    const what = `${text} belongs to the tunnel that runs here`;
    return [
      {
        code: 'tunnel-runs',
        severity: 'ok',
        ...about,
        what,
        evidence,
        remedy: 'Nothing to do: sentinel-tunnel status shows which master it serves',
      },
    ];
  }
  if (
    objection === 'EADDRINUSE' &&
    !isAdmin &&
    holder?.units?.some((unit) => unit.includes('sentinel-tunnel'))
  ) {
    return [
      {
        code: 'socket-held',
        severity: 'ok',
        ...about,
        what: `${text} is held by systemd for ${holder.units.join(', ')}`,
        evidence,
        remedy: 'Nothing to do: the service gets the socket when it starts',
      },
    ];
  }
  const whose = holder
    ? `${isTunnel(holder) ? 'another tunnel, ' : ''}pid ${String(holder.pid)} (${holder.command})`
    : 'a process that this user may not see';
  if (isAdmin) {
    const what =
      objection === 'EADDRINUSE'
        ? `the admin address ${text} is taken by ${whose}`
        : `the admin address ${text} cannot be listened on: ${objection}`;
    return [
      {
        code: 'admin-taken',
        severity: 'degraded',
        what,
        evidence,
        remedy:
          'Give each tunnel of a machine its own admin.listen; without it probes and metrics are not answered',
      },
    ];
  }
  if (objection === 'EADDRINUSE') {
    const remedy = holder?.units
      ? `It is process 1, as with a socket unit (${holder.units.length === 0 ? 'see systemctl list-sockets' : holder.units.join(', ')}): right if that is the tunnel's own, otherwise listen on another port`
      : holder
        ? `Stop it (systemctl status ${String(holder.pid)} shows its unit), or listen on another port`
        : 'Find it with "ss -ltnp" as root and stop it, or listen on another port';
    return [
      {
        code: address.kind === 'unix' ? 'socket-path' : 'port-taken',
        severity: 'broken',
        ...about,
        what: `${text} is taken by ${address.kind === 'unix' ? 'another listener' : whose}`,
        evidence,
        remedy,
      },
    ];
  }
  if (address.kind === 'unix') {
    return [
      {
        code: 'socket-path',
        severity: 'broken',
        ...about,
        what: `no socket can be made at ${text}: ${objection}`,
        evidence,
        remedy:
          'Make the folder, and let the user that runs the tunnel write in it (RuntimeDirectory= of systemd does both)',
      },
    ];
  }
  const remedies: Readonly<Record<string, string>> = {
    EACCES: 'Take a port above 1023, or give the program CAP_NET_BIND_SERVICE',
    EADDRNOTAVAIL: 'Listen on an address of this machine ("ip address" lists them)',
  };
  return [
    {
      code: 'port-forbidden',
      severity: 'broken',
      ...about,
      what: `${text} cannot be listened on: ${objection}`,
      evidence,
      remedy: remedies[objection] ?? 'Listen on another address',
    },
  ];
}

function logFindings({ log }: HostFacts, file: string): readonly Finding[] {
  if (log === undefined) return [];
  const { why, isFull } = log;
  const evidence = [{ by: thisMachine, asked: `to write to "${file}"`, answered: why }];
  if (isFull) {
    const what = `the log "${file}" loses lines, or will soon: ${why}`;
    const remedy =
      'Make room on that disk, or rotate the log; what is logged meanwhile is lost, and counted (log.dropped)';
    return [{ code: 'log-disk-full', severity: 'degraded', what, evidence, remedy }];
  }
  const remedy =
    'Make the folder, and let the user that runs the tunnel write there; without its log it does not start';
  return [
    {
      code: 'log-unwritable',
      severity: 'broken',
      what: `the log "${file}" cannot be written: ${why}`,
      evidence,
      remedy,
    },
  ];
}

function descriptorFindings({ descriptors, connections }: HostFacts): readonly Finding[] {
  if (!isShort(descriptors, connections)) return [];
  const { limit, reserved, whose } = descriptors;
  const needed = connections * 2 + reserved;
  const what = `maxConnections allows ${String(connections)} connections, and ${String(limit)} file descriptors are enough for ${String(descriptors.connections)}: ${String(reserved)} are kept for Sentinels, probes, operators and the log`;
  const asked =
    whose === 'status'
      ? 'program.descriptors.limit of /status of the tunnel that runs here'
      : `Max open files of /proc/${String(whose)}/limits`;
  const evidence = [{ by: thisMachine, asked, answered: String(limit) }];
  const caveat =
    whose === 'self'
      ? '. No tunnel runs here, so this is the limit of this shell: a service may have another'
      : '';
  const remedy = `Raise the limit for the tunnel (LimitNOFILE=${String(needed)} in its unit, or ulimit -n), or lower maxConnections${caveat}`;
  return [{ code: 'descriptors-few', severity: 'degraded', what, evidence, remedy }];
}

/** Findings from the configuration alone. */
export function configurationFindings({ config }: Facts): readonly Finding[] {
  const warned = config.warnings.map(({ kind, text }): Finding => {
    const isSecret = kind === 'secret-readable';
    return {
      code: isSecret ? 'secret-readable' : 'config-warning',
      severity: 'degraded',
      what: text,
      evidence: [{ by: 'configuration', asked: 'what it says', answered: text }],
      remedy: isSecret
        ? 'chmod o-r, and change the secret if others than you use this machine'
        : 'Fix the keys listed',
    };
  });
  const exposed = config.databases.flatMap(({ name, listen }) =>
    listen.flatMap(({ address, allow, tls }): readonly Finding[] => {
      if (address.kind === 'unix' || allow.length > 0 || isLoopback(address.host)) return [];
      if (tls?.clientCa !== undefined) return []; // it asks each client who it is
      const text = formatListenAddress(address);
      return [
        {
          code: 'listener-exposed',
          severity: 'degraded',
          database: name,
          what: `every host that reaches ${text} reaches Redis: it is not a loopback address, and has no "allow"`,
          evidence: [{ by: 'configuration', asked: `databases[${name}].listen`, answered: text }],
          remedy: `Listen on 127.0.0.1, or write { address: "${text}", allow: ["10.0.0.0/8"] } with the networks of the clients`,
        },
      ];
    }),
  );
  return [...warned, ...exposed];
}
