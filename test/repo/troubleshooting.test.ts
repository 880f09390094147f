import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import ts from 'typescript';
import { findingCodes } from '../../src/cli/doctor/finding.ts';
import { eventNames } from '../../src/telemetry/events.ts';
import { readSources } from './sources.ts';

const page = readFileSync(new URL('../../../docs/troubleshooting.md', import.meta.url), 'utf8');
const [, refusals = ''] = /<!-- refusals -->([^]*?)<!-- \/refusals -->/.exec(page) ?? [];

/** The functions whose texts become the reason of a refusal, by file. */
const refusing: Readonly<Record<string, readonly string[]>> = {
  'relay/core/refusal.ts': ['*'],
  'net/allow-list.ts': ['notAllowedLine'],
  'relay/io/streams/listener.ts': ['*'],
  'relay/io/streams/tls-acceptor.ts': ['take', '#serve', '#objectionTo'],
  'sentinel/decision/view.ts': ['phaseOf', 'whyUnknown', 'whyUnusable', 'whyNoFailover'],
};

test('the functions that refuse clients exist where this test looks for them', () => {
  const sources = readSources();
  const missing = Object.entries(refusing).flatMap(([path, names]) => {
    const within = new Set(sentencesOf(sources.get(path)).flatMap((sentence) => sentence.within));
    return names
      .filter((name) => (name === '*' ? within.size === 0 : !within.has(name)))
      .map((name) => `${path}: ${name}`);
  });
  assert.deepEqual(missing, []);
});

test('docs/troubleshooting.md has every text with which a client is refused', () => {
  const texts = [...readSources()].flatMap(([path, source]) =>
    sentencesOf(path in refusing ? source : undefined).filter(({ within }) => {
      const names = refusing[path] ?? [];
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

test('docs/troubleshooting.md names only findings and events that exist', () => {
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
  /** Its text without what is filled in. */
  readonly parts: readonly string[];
  /** The functions and variables that contain it, innermost first. */
  readonly within: readonly string[];
}

/** The texts of more than one word in a file, except those of errors that are thrown. */
function sentencesOf(source: ts.SourceFile | undefined): readonly Sentence[] {
  if (source === undefined) return [];
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
