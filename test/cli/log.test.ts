import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openLog, type LogOptions } from '../../src/telemetry/open-log.ts';
import { type Log, logLevels } from '../../src/telemetry/log.ts';

function logged(
  options: Partial<LogOptions>,
  terminal: { isTerminal?: boolean; isColoured?: boolean },
  tell: (log: Log) => void,
): string {
  let text = '';
  const opened = openLog(
    { level: 'info', format: 'auto', file: '-', ...options },
    { isTerminal: false, isColoured: false, ...terminal, write: (part) => (text += part) },
  );
  tell(opened.log);
  opened.close();
  return text;
}

const fields = { database: 'm', endpoint: '10.0.0.1:6379', generation: 2, standing: 'confirmed', epoch: 7 };

test('on a terminal an event is a sentence, then what the sentence did not say', () => {
  const text = logged({}, { isTerminal: true }, (log) => {
    log.info('master.serving', fields);
  });
  assert.match(
    text,
    /^\d\d:\d\d:\d\d\.\d{3} INFO {2}m: serving 10\.0\.0\.1:6379, generation 2 \(confirmed\) epoch=7\n$/,
  );
});

test('a list in an event is a line each under its sentence', () => {
  const text = logged({}, { isTerminal: true }, (log) => {
    log.info('failover.story', {
      database: 'm',
      story: 'moved',
      lines: ['0 ms tunnel fenced', '4 ms tunnel served'],
    });
  });
  assert.deepEqual(text.split('\n').slice(1), ['    0 ms tunnel fenced', '    4 ms tunnel served', '']);
});

test('what others say cannot fake a line or steer the terminal', () => {
  const text = logged({ level: 'debug' }, { isTerminal: true }, (log) => {
    log.debug('sentinel.announced', { sentinel: 's', channel: '+x', payload: 'a\n\u001b[2Jb\u009b\u2028' });
  });
  assert.ok(text.endsWith('s announced +x a\\x0a\\x1b[2Jb\\x9b\\u2028\n'), JSON.stringify(text));
});

test('colours come only where they are welcome', () => {
  const tell = (log: Log): void => {
    log.warn('master.degraded', { database: 'm', reasons: 'x' });
  };
  assert.match(logged({}, { isTerminal: true, isColoured: true }, tell), /\u001b\[33mWARN \u001b\[0m/);
  assert.doesNotMatch(logged({}, { isTerminal: true }, tell), /\u001b/);
});

test('anywhere else an event is a line of JSON, without what is undefined', () => {
  const text = logged({}, {}, (log) => {
    log.error('master.serving', { ...fields, epoch: undefined });
  });
  const line = JSON.parse(text) as Record<string, unknown>;
  assert.ok(Math.abs(Date.parse(String(line['time'])) - Date.now()) < 60_000);
  assert.deepEqual(line, {
    ...{ level: 'error', time: line['time'], event: 'master.serving' },
    ...{ database: 'm', endpoint: '10.0.0.1:6379', generation: 2, standing: 'confirmed' },
  });
});

test('the format asked for wins over the terminal', () => {
  const tell = (log: Log): void => {
    log.info('sentinel.up', { sentinel: 's' });
  };
  assert.match(logged({ format: 'json' }, { isTerminal: true }, tell), /^\{"level":"info"/);
  assert.match(logged({ format: 'pretty' }, {}, tell), /Sentinel s answers\n$/);
});

test('events below the level are not written, in both formats', () => {
  for (const format of ['json', 'pretty'] as const) {
    const text = logged({ format, level: 'warn' }, {}, (log) => {
      assert.equal(log.isDebugging, false);
      for (const level of logLevels) log[level]('sentinel.up', { sentinel: `said-at-${level}` });
    });
    assert.deepEqual(text.match(/said-at-\w+/g), ['said-at-warn', 'said-at-error']);
  }
});

test('a field that is named like a secret is never written, in both formats', () => {
  for (const format of ['json', 'pretty'] as const) {
    const text = logged({ format }, {}, (log) => {
      log.info('sentinel.up', { sentinel: 's', password: 'hunter2', authToken: 'hunter2' });
    });
    assert.doesNotMatch(text, /hunter2/);
    assert.match(text, /redacted/);
  }
});

test('a pipe is no log file: a reader that stops would stop the tunnel', () => {
  const folder = mkdtempSync(join(tmpdir(), 'st-log-'));
  try {
    const file = join(folder, 'pipe');
    execFileSync('mkfifo', [file]);
    assert.throws(() => logged({ file }, {}, () => undefined), {
      code: 'ST_LOG_UNWRITABLE',
      message: /it is a pipe, expected a file$/,
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a log file that cannot be opened is an error with a code', () => {
  assert.throws(() => logged({ file: '/nonexistent/st.log' }, {}, () => undefined), {
    code: 'ST_LOG_UNWRITABLE',
    message: /^Cannot write log "\/nonexistent\/st\.log": its directory does not exist$/,
  });
});

test('lines are dropped while nobody reads standard output, and then their number is told', () => {
  const lines: string[] = [];
  const output = {
    write: (text: string) => void lines.push(text),
    isTerminal: false,
    isColoured: false,
    isBehind: true,
  };
  const opened = openLog({ level: 'info', format: 'json', file: '-' }, output);
  opened.log.info('tunnel.stopped', { outcome: 'drained', left: 0 });
  opened.log.info('tunnel.stopped', { outcome: 'drained', left: 0 });
  assert.deepEqual(lines, []);
  output.isBehind = false;
  opened.log.info('tunnel.stopped', { outcome: 'cut', left: 1 });
  const events = lines.map((line) => JSON.parse(line) as { event: string; count?: number; reason?: string });
  assert.deepEqual(
    events.map(({ event, count, reason }) => [event, count, reason]),
    [
      ['tunnel.stopped', undefined, undefined],
      ['log.dropped', 2, 'nobody read them'],
    ],
  );
  opened.close();
});

// Linux: https://man7.org/linux/man-pages/man4/full.4.html
test(
  'a full disk loses lines and says so, once, and again in the log when there is room',
  { skip: !existsSync('/dev/full') },
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'st-log-'));
    try {
      const file = join(folder, 'st.log');
      symlinkSync('/dev/full', file);
      const told: string[] = [];
      const opened = openLog(
        { level: 'info', format: 'json', file },
        { write: () => undefined, isTerminal: false, isColoured: false },
        (text) => told.push(text),
      );
      assert.equal(opened.trouble, undefined);
      opened.log.info('log.reopened', { signal: 'SIGHUP' });
      opened.log.info('log.reopened', { signal: 'SIGHUP' });
      assert.equal(opened.trouble, 'no space is left on its disk (ENOSPC)');
      assert.deepEqual(told, [
        `Cannot write log "${file}": no space is left on its disk (ENOSPC); lines are lost until it can be written again`,
      ]);
      rmSync(file);
      opened.reopen();
      opened.log.info('log.reopened', { signal: 'SIGHUP' });
      assert.equal(opened.trouble, undefined);
      const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
      const events = lines.map((line) => JSON.parse(line) as { event: string; count?: number });
      assert.deepEqual(
        events.map(({ event, count }) => [event, count]),
        [
          ['log.reopened', undefined],
          ['log.dropped', 2],
        ],
      );
      opened.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);
