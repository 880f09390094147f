import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { findingCodes } from '../../src/cli/doctor/finding.ts';
import { exitCodes } from '../../src/cli/exit-codes.ts';
import { errorCodes } from '../../src/errors.ts';
import { eventNames, eventSentences } from '../../src/telemetry/events.ts';
import { readSources } from './sources.ts';

function page(name: string): string {
  return readFileSync(new URL(`../../../docs/${name}`, import.meta.url), 'utf8');
}

/** The first cells of the tables in a page, and the whole rows. */
function rowsOf(text: string, first: RegExp): Map<string, string> {
  const rows = text.split('\n').flatMap((line) => {
    const name = first.exec(line)?.[1];
    return name === undefined ? [] : [[name, line] as const];
  });
  return new Map(rows);
}

test('docs/errors.md lists exactly the codes that there are', () => {
  const listed = rowsOf(page('errors.md'), /^\| `(ST_\w+)`/);
  assert.deepEqual([...listed.keys()], [...errorCodes]);
});

test('docs/errors.md lists exactly the exit codes that there are', () => {
  const listed = rowsOf(page('errors.md'), /^\| (\d+)/);
  assert.deepEqual([...listed.keys()].map(Number), Object.values(exitCodes));
});

test('docs/doctor.md lists exactly the findings that there are, and each is found somewhere', () => {
  const listed = rowsOf(page('doctor.md'), /^\| `([a-z-]+)`/);
  assert.deepEqual([...listed.keys()], [...findingCodes]);
  const sources = [...readSources()].filter(([path]) => /^cli\/doctor\/(?!finding\.ts)/.test(path));
  const text = sources.map(([, source]) => source.text).join('\n');
  assert.deepEqual(
    findingCodes.filter((code) => !text.includes(`'${code}'`)),
    [],
  );
});

test('every error code is raised somewhere', () => {
  const raised = new Set<string>();
  for (const [path, source] of readSources()) {
    if (path === 'errors.ts') continue;
    for (const [code] of source.text.matchAll(/ST_[A-Z_]+/g)) raised.add(code);
  }
  assert.deepEqual(
    errorCodes.filter((code) => !raised.has(code)),
    [],
  );
});

test('docs/events.md lists exactly the events that there are, with the fields of their sentences', () => {
  const listed = rowsOf(page('events.md'), /^\| `([a-z]+\.[a-z-]+)`/);
  assert.deepEqual([...listed.keys()], [...eventNames]);
  for (const name of eventNames) {
    for (const [, field = ''] of eventSentences[name].matchAll(/\{(\w+)\}/g)) {
      assert.ok(listed.get(name)?.includes(`\`${field}\``), `${name} says {${field}}`);
    }
  }
});
