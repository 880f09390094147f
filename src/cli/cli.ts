import { existsSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { closest } from '../config/problems.ts';
import { show } from '../config/problems.ts';
import { TunnelError } from '../errors.ts';
import { version } from '../version.ts';
import { addConsole, consoleNames, withAdminFlags } from './console.ts';
import type { DoctorFlags } from './doctor/doctor.ts';
import { exitCodeOf, exitCodes } from './exit-codes.ts';
import type { HealthFlags } from './health.ts';
import type { Host } from './host.ts';
import type { InitFlags } from './init.ts';
import type { Flags } from './sources.ts';

// What a command needs is loaded when it is called: `status` is there at once, and loads no parser and no engine.

/**
 * Does what the arguments ask for.
 *
 * @param argv without the names of node and of the script
 * @returns the exit code
 */
export async function runCli(argv: readonly string[], host: Host): Promise<number> {
  try {
    const call = originalCall(argv);
    if (call) {
      const [{ run }, { configOfOriginalCall }] = await Promise.all([
        import('./run.ts'),
        import('./sources.ts'),
      ]);
      return await run(() => configOfOriginalCall(call.config, call.log, host.env), host, call.config);
    }
    return await runCommand(argv, host);
  } catch (error) {
    if (error instanceof CommanderError) {
      // It has printed its message, or the help that was asked for.
      return error.exitCode === 0 ? exitCodes.done : mistakenCode(argv);
    }
    if (!(error instanceof TunnelError)) throw error;
    const hint = error.code === 'ST_USAGE' ? `\n${seeHelp}` : '';
    host.stderr.write(`sentinel-tunnel: ${error.message}${hint}\n`);
    return error.code === 'ST_USAGE' ? mistakenCode(argv) : exitCodeOf(error.code);
  }
}

/** With `doctor` 2 says that something is broken, so that a call which cannot be understood has a code of its own. */
function mistakenCode([command]: readonly string[]): number {
  return command === 'doctor' ? exitCodes.misused : exitCodes.mistaken;
}

const commandNames = ['run', 'check', 'doctor', 'init', 'health', ...consoleNames, 'help'];
const seeHelp = 'See sentinel-tunnel --help';

/** @throws TunnelError `ST_USAGE` where the first argument is neither a command nor the start of `CONFIG LOG` */
function originalCall(argv: readonly string[]): { config: string; log: string } | undefined {
  const [config, log, ...more] = argv;
  if (config === undefined || config.startsWith('-') || commandNames.includes(config)) return undefined;
  const isLog = log !== undefined && (log === '-' || !log.startsWith('-'));
  if (isLog && more.length === 0) return { config, log };
  const meant = closest(config, commandNames);
  if (meant !== undefined) {
    throw new TunnelError('ST_USAGE', `Unknown command ${show(config)}, did you mean "${meant}"?`);
  }
  if (log === undefined && /^[a-z][a-z-]*$/i.test(config) && !existsSync(config)) {
    throw new TunnelError('ST_USAGE', `Unknown command ${show(config)}, and no such file`);
  }
  if (log === undefined) {
    throw new TunnelError(
      'ST_USAGE',
      `No log given: sentinel-tunnel ${config} LOG, or sentinel-tunnel run --config ${config}`,
    );
  }
  throw new TunnelError('ST_USAGE', `Unknown command ${show(config)}`);
}

async function runCommand(argv: readonly string[], host: Host): Promise<number> {
  let exitCode: number = exitCodes.done;
  const program = configured(new Command('sentinel-tunnel'), host)
    .description('A local port that always leads to the Redis master Sentinel names')
    .usage(
      'CONFIG LOG\n       sentinel-tunnel run   --config FILE\n       sentinel-tunnel check --config FILE\n       sentinel-tunnel doctor --config FILE\n       sentinel-tunnel init  --sentinel HOST:PORT\n       sentinel-tunnel status | top | events | failovers\n       sentinel-tunnel hold | release | cut | failover NAME',
    )
    .version(version, '-V, --version', 'print the version; also -v')
    .helpOption('-h, --help', 'print this help')
    .addHelpText('after', examples);
  const runs = program.command('run').description('run the tunnel until a signal stops it');
  withFlags(configured(runs, host)).action(async (flags: Flags) => {
    const [{ run }, { configOf, fileOf }] = await Promise.all([import('./run.ts'), import('./sources.ts')]);
    exitCode = await run(() => configOf(flags, host.env), host, fileOf(flags, host.env));
  });
  const checks = program
    .command('check')
    .description(
      'validate the configuration, then ask the live Sentinels; exit 1 if a database cannot be served, a port is taken or the log cannot be written',
    );
  const healths = program
    .command('health')
    .description('ask the tunnel on this machine whether it is well; exit 1 if it is not')
    .option('--ready', 'whether every database can be used now, rather than whether it is alive')
    .option('--started', 'whether every database has once found its master');
  withAdminFlags(configured(healths, host)).action(async (flags: HealthFlags) => {
    const { health } = await import('./health.ts');
    exitCode = await health(flags, host);
  });
  const inits = program
    .command('init')
    .description('ask Sentinels what they monitor, and write a configuration of it')
    .option('--sentinel <host:port...>', 'a Sentinel to ask')
    .option('--username <name>', 'the ACL user of the Sentinels')
    .option('--password-file <file>', 'a file with the password for the Sentinels')
    .option('--tls', 'speak TLS to the Sentinels')
    .option('--tls-ca <file>', 'the CA of their certificates; speaks TLS')
    .option('--output <file>', 'where to write it; standard output unless given')
    .option('--force', 'write over a file that is there');
  configured(inits, host).action(async (flags: InitFlags) => {
    const { init } = await import('./init.ts');
    exitCode = await init(flags, host);
  });
  withFlags(configured(checks, host))
    .option('--against <file>', 'the configuration in force: prints what a reload would change')
    .action(async (flags: Flags & { readonly against?: string }) => {
      const [{ check }, { configOf }] = await Promise.all([
        import('./doctor/check.ts'),
        import('./sources.ts'),
      ]);
      const config = await configOf(flags, host.env);
      const { against: file } = flags;
      const against = file === undefined ? undefined : await configOf({ ...flags, config: file }, host.env);
      exitCode = await check(
        config,
        host,
        against && file !== undefined ? { config: against, file } : undefined,
      );
    });
  addConsole(
    program,
    host,
    (command) => configured(command, host),
    (code) => (exitCode = code),
  );
  const doctors = program
    .command('doctor')
    .description(
      'look for whatever is wrong, with evidence and a remedy; exit 0 fine, 1 degraded, 2 broken, 64 usage',
    )
    .option('--json', 'for programs');
  withFlags(configured(doctors, host)).action(async (flags: DoctorFlags) => {
    const { doctor } = await import('./doctor/doctor.ts');
    exitCode = await doctor(flags, host);
  });
  const [first, ...others] = argv;
  await program.parseAsync(first === '-v' ? ['--version', ...others] : argv, { from: 'user' });
  return exitCode;
}

function configured(command: Command, host: Host): Command {
  return command
    .exitOverride()
    .helpOption('-h, --help', 'print this help')
    .showHelpAfterError(seeHelp)
    .configureOutput({
      writeOut: (text) => {
        host.stdout.write(text);
      },
      writeErr: (text) => {
        host.stderr.write(text);
      },
      outputError: (text, write) => {
        write(text.replace(/^error: (.)/, (_, first: string) => `sentinel-tunnel: ${first.toUpperCase()}`));
      },
      getOutHelpWidth: () => host.stdout.columns,
      getErrHelpWidth: () => host.stdout.columns,
    });
}

function withFlags(command: Command): Command {
  return command
    .option('--config <file>', 'YAML or JSON; also SENTINEL_TUNNEL_CONFIG')
    .option('--sentinel <host:port...>', 'a Sentinel to ask; also SENTINEL_TUNNEL_SENTINELS, with commas')
    .option(
      '--database <name=listen...>',
      'a master and where to listen for it; also SENTINEL_TUNNEL_DATABASES, with commas',
    )
    .option(
      '--admin <address>',
      'where to listen for probes, metrics and operators, or "off"; also SENTINEL_TUNNEL_ADMIN',
    )
    .option('--log-level <level>', 'debug, info, warn or error; also SENTINEL_TUNNEL_LOG_LEVEL')
    .option('--log-format <format>', 'auto, json or pretty');
}

const examples = `
The first form is the call of the Go sentinel_tunnel: its JSON configuration, and a log file
(/dev/null for none, - for standard output).

Examples:
  sentinel-tunnel run --sentinel 10.0.0.1:26379 --sentinel 10.0.0.2:26379 --database mymaster=6379
  sentinel-tunnel run --config /etc/sentinel-tunnel.yaml --log-level debug
  sentinel-tunnel check --config /etc/sentinel-tunnel.yaml
  sentinel-tunnel doctor --config /etc/sentinel-tunnel.yaml
  sentinel-tunnel init --sentinel 10.0.0.1:26379 --output /etc/sentinel-tunnel.yaml
  sentinel-tunnel check --config new.yaml --against /etc/sentinel-tunnel.yaml
  sentinel-tunnel status mymaster
  sentinel-tunnel events --follow --database mymaster
  sentinel-tunnel failover mymaster --graceful
  sentinel-tunnel /etc/sentinel_tunnel.json /var/log/sentinel_tunnel.log

Flags win over the environment, the environment over the file. A bare port listens on 127.0.0.1.

Signals: SIGTERM and SIGINT stop after a drain, a second one at once; SIGHUP
reads the configuration again and reopens the log file.
Exit codes: 0 done (run: stopped after a drain), 1 failed (status, check, health: not all is well),
2 usage or configuration (no such database, a wrong token), 3 run: sessions had to be cut,
4 no tunnel answers.
`;
