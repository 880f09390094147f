import type { Command } from 'commander';
import { messageOf, TunnelError } from '../errors.ts';
import { printable } from '../printable.ts';
import type { EventsFlags } from './events.ts';
import type { FailoverFlags } from './failover.ts';
import type { FailoversFlags } from './failovers.ts';
import type { Host } from './host.ts';
import type { HoldFlags, OperateFlags } from './operate.ts';
import type { StatusFlags } from './status.ts';
import type { TopFlags } from './top.ts';

/** The commands that ask a tunnel that runs, over its admin listener. */
export const consoleNames = [
  ...['status', 'top', 'events', 'failovers'],
  ...['hold', 'release', 'cut', 'failover', 'reload'],
] as const;

/**
 * Adds the commands that ask a tunnel that runs.
 *
 * @param configured makes a command print and end as the others do
 * @param end takes the exit code
 */
export function addConsole(
  program: Command,
  host: Host,
  configured: (command: Command) => Command,
  end: (exitCode: number) => void,
): void {
  const command = (name: (typeof consoleNames)[number], usage: string, description: string): Command =>
    withAdminFlags(configured(program.command(`${name}${usage}`).description(description))).option(
      '--token-file <file>',
      'a file with its token; also SENTINEL_TUNNEL_ADMIN_TOKEN',
    );
  /** Answers are trusted as far as their version says; what they lack after all shows when they are printed. */
  const act = async (run: () => Promise<number>): Promise<void> => {
    try {
      end(await run());
    } catch (cause) {
      if (!(cause instanceof TypeError || cause instanceof RangeError)) throw cause;
      const why = printable(messageOf(cause));
      throw new TunnelError('ST_ADMIN_UNREACHABLE', `The tunnel's answer cannot be read: ${why}`, { cause });
    }
  };
  const json = ['--json', 'print what the tunnel answers'] as const;

  command('status', ' [name]', 'the state of a running tunnel; exit 1 if a database is not served')
    .option(...json)
    .action(async (name: string | undefined, flags: StatusFlags) => {
      await act(async () => (await import('./status.ts')).status(name, flags, host));
    });
  command('top', '', 'the same with rates, live in a terminal')
    .option('--interval <seconds>', 'between two looks; 1 unless given')
    .action(async (flags: TopFlags) => {
      await act(async () => (await import('./top.ts')).top(flags, host));
    });
  command('events', '', 'the latest events of its log')
    .option('--follow', 'and those that come, until a signal ends it')
    .option('--last <count>', 'how many of the past; 20 unless given')
    .option('--level <level>', 'debug, info, warn or error, and above; info unless given')
    .option('--database <name>', 'only those of this database')
    .option('--json', 'print a line of JSON for each')
    .action(async (flags: EventsFlags) => {
      await act(async () => (await import('./events.ts')).events(flags, host));
    });
  command('failovers', ' [name]', 'the stories of the latest failovers')
    .option('--last <count>', 'how many; 5 unless given')
    .option(...json)
    .action(async (name: string | undefined, flags: FailoversFlags) => {
      await act(async () => (await import('./failovers.ts')).failovers(name, flags, host));
    });
  command('hold', ' <name>', 'make new clients of a database wait; open sessions go on')
    .option('--for-ms <ms>', 'how long at most; ten minutes unless given')
    .option(...json)
    .action(async (name: string, flags: HoldFlags) => {
      await act(async () => (await import('./operate.ts')).hold(name, flags, host));
    });
  command('release', ' <name>', 'end a hold')
    .option(...json)
    .action(async (name: string, flags: OperateFlags) => {
      await act(async () => (await import('./operate.ts')).release(name, flags, host));
    });
  command('cut', ' <name>', 'cut every session of a database; their clients reconnect')
    .option(...json)
    .action(async (name: string, flags: OperateFlags) => {
      await act(async () => (await import('./operate.ts')).cut(name, flags, host));
    });
  command('failover', ' <name>', 'make Sentinel begin a failover, and wait until the new master is served')
    .option('--graceful', 'first hold new clients, finish running replies and wait for the replicas')
    .option(
      '--force',
      'ask Sentinel also where a replica that it may promote lacks writes, or cannot be asked',
    )
    .option('--finish-ms <ms>', 'how long replies may take, with --graceful; 2000 unless given')
    .option(
      '--max-lag-wait <ms>',
      'how long replicas may take to catch up, with --graceful; 3000 unless given',
    )
    .option('--wait-ms <ms>', 'how long the failover may take; 60000 unless given')
    .option(...json)
    .action(async (name: string, flags: FailoverFlags) => {
      await act(async () => (await import('./failover.ts')).failover(name, flags, host));
    });
  command('reload', '', 'make it read its configuration file again')
    .option(...json)
    .action(async (flags: OperateFlags) => {
      await act(async () => (await import('./operate.ts')).reload(flags, host));
    });
}

/** Says where the tunnel is that is asked. */
export function withAdminFlags(command: Command): Command {
  return command
    .option('--admin <address>', 'where its admin listener is; also SENTINEL_TUNNEL_ADMIN')
    .option('--config <file>', 'a configuration that names its admin listener; also SENTINEL_TUNNEL_CONFIG');
}
