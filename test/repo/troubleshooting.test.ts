import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import ts from 'typescript';
import { findingCodes } from '../../src/cli/doctor/finding.ts';
import { eventNames } from '../../src/telemetry/events.ts';
import { readSources } from './sources.ts';

const page = readFileSync(new URL('../../../docs/troubleshooting.md', import.meta.url), 'utf8');
const [, refusals = ''] = /<!-- refusals -->([^]*?)<!-- \/refusals -->/.exec(page) ?? [];

/** The functions whose texts end up in a refusal, by file. */
const tellers: Readonly<Record<string, readonly string[]>> = {
  'relay/core/gate.ts': ['#route'],
  'relay/core/refusal.ts': ['*'],
  'relay/core/allow-list.ts': ['notAllowedLine'],
  'relay/io/streams/listener.ts': ['*'],
  'relay/io/streams/tls-door.ts': ['#admit', 'admit', 'take', '#objectionTo', 'notTls'],
  'sentinel/decision/view.ts': ['phaseOf', 'whyUnknown', 'whyUnusable', 'whyNoFailover'],
  'daemon.ts': ['hold'],
};

test('docs/troubleshooting.md has every text with which a client is refused', () => {
  const texts = [...readSources()].flatMap(([path, source]) =>
    (path in tellers ? sentencesOf(source) : []).filter(({ within }) => {
      const names = tellers[path] ?? [];
      return names.includes('*') || within.some((name) => names.includes(name));
    }),
  );
  assert.ok(texts.length >= 18, `only ${texts.length} texts were found`);
  const missing = texts.filter(({ parts }) => !parts.every((part) => refusals.includes(part)));
  assert.deepEqual(
    missing.map(({ parts }) => parts.join('…')),
    [],
  );
});

test('docs/troubleshooting.md names findings and events that there are', () => {
  const codes: readonly string[] = findingCodes;
  const events: readonly string[] = eventNames;
  const names = [...page.matchAll(/`([a-z]+(?:[.-][a-z]+)+)`/g)].map(([, name = '']) => name);
  const prefixes = new Set(eventNames.map((name) => name.split('.', 1)[0]));
  const asEvents = names.filter((name) => prefixes.has(name.split('.', 1)[0]) && name.includes('.'));
  const notEvents = [
    'sentinel.tls',
    'log.level',
    'admin.listen',
    'redis.port',
    'tls.cert',
    'tls.key',
    'tls.ca',
    'tls.servername',
  ];
  assert.deepEqual(
    asEvents.filter((name) => !events.includes(name) && !notEvents.includes(name)),
    [],
  );
  const asCodes = names.filter((name) => /^(sentinels?|master|tls|redis|port|replica)-[a-z]/.test(name));
  assert.ok(asCodes.length > 20);
  assert.deepEqual(
    asCodes.filter((name) => !codes.includes(name) && !['replica-announce-ip', 'redis-cli'].includes(name)),
    [],
  );
});

interface Sentence {
  /** What is fixed in it. */
  readonly parts: readonly string[];
  /** The functions and variables that it stands in, the inner first. */
  readonly within: readonly string[];
}

/** The texts of more than one word in a file, but those of errors that are thrown. */
function sentencesOf(source: ts.SourceFile): readonly Sentence[] {
  const found: Sentence[] = [];
  const visit = (node: ts.Node, within: readonly string[]): void => {
    if (ts.isThrowStatement(node) || ts.isImportDeclaration(node)) return;
    const text = fixedParts(node);
    if (text) {
      const parts = text.map((part) => part.replace(/\r\n/g, '').trim()).filter((part) => /\w{3}/.test(part));
      if (parts.some((part) => part.includes(' '))) found.push({ parts, within });
    }
    const isNamed = 'name' in node && node.name !== undefined;
    const name = isNamed ? [(node.name as ts.Node).getText(source)] : [];
    ts.forEachChild(node, (child) => {
      visit(child, [...name, ...within]);
    });
  };
  visit(source, []);
  return found;
}

function fixedParts(node: ts.Node): readonly string[] | undefined {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return [node.text];
  if (!ts.isTemplateExpression(node)) return undefined;
  return [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)];
}
