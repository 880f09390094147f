import { count } from '../../admin/wording.ts';
import type { Config } from '../../config/types.ts';
import { changeLine, diffConfigs } from '../../config/diff.ts';
import { formatEndpoint, formatListenAddress } from '../../net/endpoint.ts';
import { printable } from '../../printable.ts';
import type { Role } from '../../redis/role.ts';
import { takeInventory, type Inventory } from '../../sentinel/members/inventory.ts';
import { type DatabaseSurvey, survey } from '../../sentinel/members/survey.ts';
import type { Answer } from '../../sentinel/links/answer.ts';
import { minorityOf, diagnosisOf } from './diagnosis.ts';
import { hostFindings } from './find-host.ts';
import type { Finding } from './finding.ts';
import { hostFacts } from './host-facts.ts';
import { monitoredNames } from './diagnosis.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Host } from '../host.ts';
import { painter, table } from '../plain.ts';

/**
 * The short form of `doctor`: asks the live Sentinels, and prints per database what each says.
 *
 * @param against what is in force now: what a reload would do is printed first
 * @returns the exit code: failed if any database cannot be served, or this machine keeps the tunnel from running
 */
export async function check(config: Config, host: Host, against?: Against): Promise<number> {
  const { sentinels, databases } = config;
  host.stdout.write(
    `Configuration is valid: ${count(sentinels.length, 'Sentinel')}, ${count(databases.length, 'database')}\n`,
  );
  for (const { text } of config.warnings) host.stdout.write(`Warning: ${printable(text)}\n`);
  if (against) host.stdout.write(`\n${describeChanges(against, config)}`);
  const [surveys, obstacles] = await Promise.all([survey(config), obstaclesHere(config, against?.config)]);
  const isNameWrong = surveys.some((each) => diagnosisOf(each)?.code === 'master-unknown');
  const inventory = isNameWrong ? await takeInventory(sentinels, config.sentinel) : undefined;
  for (const each of surveys) host.stdout.write(`\n${describeSurvey(each, inventory, obstacles)}`);
  const atStart = obstacles.filter(({ database }) => database === undefined);
  for (const { what } of atStart) host.stdout.write(`\nCANNOT START: ${printable(what)}\n`);
  const isWell = obstacles.length === 0 && surveys.every((each) => !diagnosisOf(each));
  return isWell ? exitCodes.done : exitCodes.failed;
}

/**
 * What keeps the configuration from running on this machine: a port that another program has, a log that cannot be written.
 * Not the ports of the tunnel that runs here, nor those of the configuration in force.
 */
async function obstaclesHere(config: Config, inForce: Config | undefined): Promise<readonly Finding[]> {
  const host = await hostFacts(config);
  const held = new Set(
    inForce?.databases.flatMap(({ listen }) => listen.map(({ address }) => formatListenAddress(address))),
  );
  const listeners = host.listeners.filter(({ address }) => !held.has(formatListenAddress(address)));
  return hostFindings({ config, host: { ...host, listeners } }).filter(
    ({ severity }) => severity === 'broken',
  );
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

/**
 * A heading, a row per Sentinel, the ROLE of the server they lead to, and what follows.
 *
 * @param inventory which names there are; asked only where one is unknown
 * @param obstacles what keeps this machine from listening
 */
function describeSurvey(
  survey: DatabaseSurvey,
  inventory: Inventory | undefined,
  obstacles: readonly Finding[],
): string {
  const { database, sentinels, adopted, role } = survey;
  const diagnosis = diagnosisOf(survey);
  const trouble = diagnosis?.what;
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
    trouble === undefined && adopted
      ? `  servable: ${formatEndpoint(adopted.endpoint)}${epoch}`
      : `  NOT SERVABLE: ${trouble ?? 'nothing is known'}`,
  ];
  const minority = trouble === undefined ? minorityOf(survey)?.what : undefined;
  if (minority !== undefined) lines.push(`  ${minority}`);
  if (diagnosis?.code === 'master-unknown' && inventory)
    lines.push(`  ${namesLine(database.name, inventory)}`);
  const ofThis = obstacles.filter((each) => each.database === database.name);
  lines.push(...ofThis.map(({ what }) => `  CANNOT LISTEN: ${what}`));
  return `${lines.map(printable).join('\n')}\n`;
}

/** Which names there are, or why that is not known. */
function namesLine(wanted: string, { masters, sentinels, silent }: Inventory): string {
  const [first] = silent;
  if (sentinels.length === 0 && first) return `Which names there are is not known: ${first.why}`;
  return monitoredNames(wanted, new Set(masters));
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
      return `does not tell its role (${role.why}), trusted because the Sentinels name it`;
    case 'unusable':
      return `cannot be used: ${role.why}`;
  }
}
