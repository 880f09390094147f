import assert from 'node:assert/strict';
import { test } from 'node:test';
import ts from 'typescript';
import { eventSentences } from '../../src/telemetry/events.ts';
import { readSources } from './sources.ts';

/** What an error or a line for a person begins and ends with; what is filled in is `…`. */
function sentencesIn(source: ts.SourceFile): readonly string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isNewExpression(node) && node.expression.getText(source) === 'TunnelError') {
      const [, message] = node.arguments ?? [];
      const text = message && textOf(message);
      if (text !== undefined) found.push(text);
    }
    const text = textOf(node);
    const [, line] = /^sentinel-tunnel: ([^]*)\n$/.exec(text ?? '') ?? [];
    if (line !== undefined) found.push(line);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function textOf(node: ts.Node): string | undefined {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return node.text;
  if (!ts.isTemplateExpression(node)) return undefined;
  return [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)].join('…');
}

/** A sentence begins with a capital, or with the name of what it is about, or goes on after a colon; it has no full stop. */
function breachOf(sentence: string): string | undefined {
  if (!/^(\p{Lu}|…|"|--|\{|it )/u.test(sentence)) return `no capital: ${sentence}`;
  return /[^.]\.$/.test(sentence) ? `a full stop: ${sentence}` : undefined;
}

test('errors, and what commands say on standard error, are sentences of one style', () => {
  const sentences = [...readSources().values()].flatMap(sentencesIn);
  assert.ok(sentences.length > 50, String(sentences.length));
  assert.deepEqual(
    sentences.map(breachOf).filter((breach) => breach !== undefined),
    [],
  );
});

test('the sentences of events are of the same style', () => {
  const sentences = Object.values(eventSentences);
  assert.deepEqual(
    sentences.map(breachOf).filter((breach) => breach !== undefined),
    [],
  );
});
