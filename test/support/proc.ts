import { readdir, readFile, readlink } from 'node:fs/promises';
import process from 'node:process';

/** For the `skip` option of a test that looks at a process through /proc. */
export const lacksProc = process.platform !== 'linux' && 'looks at processes through /proc';

/** How many descriptors a process has open. */
export async function descriptorsOf(pid: number): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length;
}

/** The resident memory of a process in MiB. */
export async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

/** How many established TCP connections a process has to a port. */
export async function connectionsTo(pid: number, port: number): Promise<number> {
  const owned = new Set<string>();
  for (const fd of await readdir(`/proc/${pid}/fd`)) {
    try {
      const target = await readlink(`/proc/${pid}/fd/${fd}`);
      const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
      if (inode !== undefined) owned.add(inode);
    } catch {
      continue; // closed in the meantime
    }
  }
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const lines = (await readFile(`/proc/${pid}/net/tcp`, 'utf8')).trim().split('\n').slice(1);
  return lines.filter((line) => {
    // sl local remote state queues timer retransmits uid timeout inode (proc_net_tcp.txt of the kernel)
    const fields = line.trim().split(/\s+/);
    return fields[2]?.endsWith(wanted) && fields[3] === '01' && owned.has(fields[9] ?? '');
  }).length;
}

/** The ports of the peers that have ended their side of a connection to this port, which has not ended its own. */
export async function endedPeers(port: number): Promise<ReadonlySet<number>> {
  const closeWait = '08';
  const lines = (await readFile('/proc/net/tcp', 'utf8')).trim().split('\n').slice(1);
  const peers = lines.flatMap((line) => {
    const [, local = '', remote = '', state] = line.trim().split(/\s+/);
    const portOf = (address: string): number => Number.parseInt(address.split(':')[1] ?? '', 16);
    return state === closeWait && portOf(local) === port ? [portOf(remote)] : [];
  });
  return new Set(peers);
}
