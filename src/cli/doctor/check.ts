import { count } from '../../admin/wording.ts';
import { changeLine, diffConfigs } from '../../config/diff.ts';
import type { Config } from '../../config/types.ts';
import { formatEndpoint, formatListenAddress } from '../../net/endpoint.ts';
import { printable } from '../../printable.ts';
import type { Role } from '../../redis/role.ts';
import type { Answer } from '../../sentinel/links/answer.ts';
import type { DatabaseSurvey } from '../../sentinel/members/survey.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Host } from '../host.ts';
import { painter, table } from '../plain.ts';
import { diagnose } from './diagnose.ts';
import type { Facts } from './facts.ts';
import { worst, type Finding, type FindingCode } from './finding.ts';
import { gather } from './gather.ts';

/**
 * The short form of `doctor`: finds the same, and prints for each database what each Sentinel says and what is broken.
 *
 * @param against the configuration in force: what a reload would change is printed first, and its ports count as free
 * @returns the exit code: failed if any database cannot be served, or this machine keeps the tunnel from running
 */
export async function check(config: Config, host: Host, against?: Against): Promise<number> {
  const { sentinels, databases } = config;
  host.stdout.write(
    `Configuration is valid: ${count(sentinels.length, 'Sentinel')}, ${count(databases.length, 'database')}\n`,
  );
  for (const { text } of config.warnings) host.stdout.write(`Warning: ${printable(text)}\n`);
  if (against) host.stdout.write(`\n${describeChanges(against, config)}`);
  const facts = withoutPortsOf(against?.config, await gather(config));
  const findings = diagnose(facts);
  for (const { survey } of facts.databases) host.stdout.write(`\n${describeSurvey(survey, findings)}`);
  for (const { code, what } of findings)
    if (code === 'log-unwritable') host.stdout.write(`\nCANNOT START: ${printable(what)}\n`);
  return worst(findings) === 'broken' ? exitCodes.failed : exitCodes.done;
}

/** The facts without the listeners that the configuration in force has. */
function withoutPortsOf(inForce: Config | undefined, facts: Facts): Facts {
  const held = new Set(
    inForce?.databases.flatMap(({ listen }) => listen.map(({ address }) => formatListenAddress(address))),
  );
  const listeners = facts.host.listeners.filter(({ address }) => !held.has(formatListenAddress(address)));
  return { ...facts, host: { ...facts.host, listeners } };
}

/** A configuration to compare with, and what to call it. */
export interface Against {
  readonly config: Config;
  readonly file: string;
}

function describeChanges({ config: before, file }: Against, after: Config): string {
  const changes = diffConfigs(before, after);
  if (changes.length === 0) return `Against ${printable(file)}: nothing changes\n`;
  const lines = changes.map((change) => `  ${printable(changeLine(change))}`);
  return [`Against ${printable(file)}: ${count(changes.length, 'change')}`, ...lines, ''].join('\n');
}

/** What keeps a database from listening; anything else that is broken keeps it from being served. */
const listenCodes: ReadonlySet<FindingCode> = new Set(['port-taken', 'port-forbidden', 'socket-path']);

/** A heading, a row per Sentinel, the ROLE of the server they lead to, and what is found about the database. */
function describeSurvey(
  { database, sentinels, adopted, role }: DatabaseSurvey,
  findings: readonly Finding[],
): string {
  const own = findings.filter((finding) => finding.database === database.name);
  const broken = own.filter(({ severity }) => severity === 'broken');
  const diagnosis = broken.find(({ code }) => !listenCodes.has(code));
  const rows = sentinels.map(({ sentinel, answer, sameAs, isStranger }) =>
    sameAs === undefined
      ? [
          sentinel,
          ...describeAnswer(answer, database.name),
          ...(isStranger ? ['belongs to another deployment: it has no vote'] : []),
        ]
      : [sentinel, `is the same Sentinel as ${sameAs}: the two have one vote`],
  );
  if (adopted && role) rows.push([formatEndpoint(adopted.endpoint), describeRole(role)]);
  const epoch = adopted?.epoch === undefined ? '' : `, epoch ${String(adopted.epoch)}`;
  const lines = [
    `${database.name} (${database.listen.map(({ address }) => formatListenAddress(address)).join(', ')})`,
    ...table(
      rows.map((row) => row.map((text) => ({ text }))),
      painter(false),
    ).map((row) => `  ${row}`),
    !diagnosis && adopted
      ? `  servable: ${formatEndpoint(adopted.endpoint)}${epoch}`
      : `  NOT SERVABLE: ${diagnosis?.what ?? 'nothing is known'}`,
  ];
  const minority = own.find(({ code, severity }) => code === 'majority-missing' && severity === 'degraded');
  if (minority) lines.push(`  ${minority.what}`);
  if (diagnosis?.code === 'master-unknown') lines.push(`  ${diagnosis.remedy}`);
  for (const { code, what } of broken) if (listenCodes.has(code)) lines.push(`  CANNOT LISTEN: ${what}`);
  return `${lines.map(printable).join('\n')}\n`;
}

function describeAnswer(answer: Answer, name: string): string[] {
  switch (answer.kind) {
    case 'address': {
      const epoch = answer.epoch === undefined ? 'epoch not readable' : `epoch ${String(answer.epoch)}`;
      return [`says ${formatEndpoint(answer.endpoint)}`, epoch, answer.flags.join(',')];
    }
    case 'unknown':
      return [`does not monitor "${name}"`];
    case 'error':
      return [`answers with an error: ${answer.text}`];
    case 'unreachable':
      return [`does not answer: ${answer.text}`];
  }
}

function describeRole(role: Role): string {
  switch (role.kind) {
    case 'master':
      return 'says it is the master';
    case 'replica':
      return 'says it is a replica';
    case 'active-replica':
      return 'says it is an active replica, which takes writes';
    case 'unverifiable':
      return `does not report its role (${role.why}), trusted because the Sentinels name it`;
    case 'unusable':
      return `cannot be used: ${role.why}`;
  }
}
