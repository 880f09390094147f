import { diagnose } from '../../../src/cli/doctor/diagnose.ts';
import type { Finding, FindingCode } from '../../../src/cli/doctor/finding.ts';
import { gather } from '../../../src/cli/doctor/gather.ts';
import { parseConfig } from '../../../src/config/parse.ts';

/** What doctor finds with a configuration. */
export async function diagnosed(config: object): Promise<readonly Finding[]> {
  return diagnose(await gather(parseConfig(config, 'the test')));
}

export function codesOf(findings: readonly Finding[]): readonly FindingCode[] {
  return findings.map(({ code }) => code);
}

/** The finding with a code; @throws Error with all that was found where there is none */
export function found(findings: readonly Finding[], code: FindingCode, database?: string): Finding {
  const finding = findings.find(
    (each) => each.code === code && (database ?? each.database) === each.database,
  );
  if (finding) return finding;
  throw new Error(`No finding "${code}" in ${JSON.stringify(findings, undefined, 2)}`);
}
