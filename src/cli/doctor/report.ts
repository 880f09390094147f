import type { Host } from '../host.ts';
import { printable, printableJson } from '../../printable.ts';
import { severities, worst, type Finding, type Severity } from './finding.ts';

/** Grows when something is taken out of the shape or changes its meaning, not when something is added. */
const reportVersion = 1;

/** What `doctor --json` prints. */
export interface Report {
  readonly version: typeof reportVersion;
  readonly verdict: Severity;
  readonly findings: readonly Finding[];
}

export function jsonReport(findings: readonly Finding[]): string {
  const report: Report = { version: reportVersion, verdict: worst(findings), findings };
  return `${printableJson(report, 2)}\n`;
}

const colours: Readonly<Record<Severity, string>> = { ok: '32', degraded: '33', broken: '1;31' };
const verdicts: Readonly<Record<Severity, string>> = {
  ok: 'All is well',
  degraded: 'Clients are served, but not as soundly as they should be',
  broken: 'Clients are not served',
};

export function textReport(findings: readonly Finding[], { isColoured }: Host['stdout']): string {
  const paint = (severity: Severity, text: string): string =>
    isColoured ? `\u001b[${colours[severity]}m${text}\u001b[0m` : text;
  const blocks = findings.map((finding) => {
    const { code, severity, database, what, evidence, remedy } = finding;
    const about = database === undefined ? '' : ` (${printable(database)})`;
    return [
      `${paint(severity, severity.padEnd(8))} ${code}${about}`,
      `  ${capital(printable(what))}`,
      ...evidence.map(
        ({ by, asked, answered }) =>
          `    ${printable(by)}, asked ${printable(asked)}: ${printable(answered)}`,
      ),
      `  → ${printable(remedy)}`,
      '',
    ].join('\n');
  });
  const counts = severities.map((severity) => ({
    severity,
    many: findings.filter((finding) => finding.severity === severity).length,
  }));
  const counted = counts
    .map(({ severity, many }) => `${String(many)} ${severity}`)
    .toReversed()
    .join(', ');
  const verdict = worst(findings);
  const summary = findings.length === 0 ? '' : `: ${counted}`;
  return `${[...blocks, paint(verdict, verdicts[verdict]) + summary].join('\n')}\n`;
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
