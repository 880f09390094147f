import { execFile } from 'node:child_process';

/** A question to the local service manager, in milliseconds. */
const askMs = 2_000;

/**
 * Which socket unit of systemd listens on an address, and what it starts: `sentinel-tunnel.socket`,
 * `sentinel-tunnel.service`. Empty where that cannot be told: not every container has a systemctl, or somebody to ask.
 *
 * @param address as systemd prints it: `127.0.0.1:6379`, `[::1]:6379`, or a path
 */
export function socketUnitsOf(address: string): Promise<readonly string[]> {
  const args = ['list-sockets', '--all', '--no-legend', '--no-pager', '--plain'];
  return new Promise((resolve) => {
    execFile('systemctl', args, { timeout: askMs }, (error, stdout) => {
      resolve(error ? [] : unitsIn(stdout, address));
    });
  });
}

/** The columns are LISTEN, UNIT and ACTIVATES (systemctl(1), list-sockets). Pure. */
export function unitsIn(table: string, address: string): readonly string[] {
  const rows = table.split('\n').map((line) => line.trim().split(/\s+/));
  return rows.flatMap(([listen, ...units]) => (listen === address ? units : []));
}
