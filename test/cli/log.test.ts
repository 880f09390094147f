import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openLog, type LogOptions } from '../../src/telemetry/open-log.ts';
import { type Log, logLevels } from '../../src/telemetry/log.ts';
import type { Outlet } from '../../src/telemetry/outlet.ts';
import { eventually } from '../support/index.ts';

/** Takes everything, unless it is told otherwise. */
class Paper implements Outlet {
  readonly slowness = 'nobody read them';
  text = '';
  isClosed = false;
  /** What a write waits for. */
  stuck: Promise<void> = Promise.resolve();

  async write(bytes: Uint8Array): Promise<number> {
    await this.stuck;
    this.text += Buffer.from(bytes).toString();
    return bytes.length;
  }

  close(): void {
    this.isClosed = true;
  }

  events(): readonly { readonly event: string; readonly count?: number; readonly reason?: string }[] {
    const lines = this.text.trimEnd().split('\n');
    return lines.map((line) => JSON.parse(line) as { event: string });
  }
}

async function logged(
  options: Partial<LogOptions>,
  terminal: { isTerminal?: boolean; isColoured?: boolean },
  tell: (log: Log) => void,
): Promise<string> {
  const paper = new Paper();
  const opened = await openLog(
    { level: 'info', format: 'auto', file: '-', ...options },
    { isTerminal: false, isColoured: false, ...terminal, outlet: () => paper },
  );
  tell(opened.log);
  await opened.close();
  return paper.text;
}

const noTerminal = { isTerminal: false, isColoured: false };

const fields = { database: 'm', endpoint: '10.0.0.1:6379', generation: 2, standing: 'confirmed', epoch: 7 };

test('on a terminal an event is a sentence, then what the sentence did not say', async () => {
  const text = await logged({}, { isTerminal: true }, (log) => {
    log.info('master.serving', fields);
  });
  assert.match(
    text,
    /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} INFO {2}m: serving 10\.0\.0\.1:6379, generation 2 \(confirmed\) epoch=7\n$/,
  );
});

test('a list in an event is a line each under its sentence', async () => {
  const text = await logged({}, { isTerminal: true }, (log) => {
    log.info('failover.story', {
      database: 'm',
      story: 'moved',
      lines: ['0 ms tunnel fenced', '4 ms tunnel served'],
    });
  });
  assert.deepEqual(text.split('\n').slice(1), ['    0 ms tunnel fenced', '    4 ms tunnel served', '']);
});

test('a failed reload is printed with each problem on a line of its own', async () => {
  const text = await logged({}, { isTerminal: true }, (log) => {
    log.error('config.reload-failed', { reason: 'Invalid: 2 problems', problems: ['a: is\nwrong', 'b: x'] });
  });
  assert.deepEqual(text.split('\n').slice(1), ['    a: is\\x0awrong', '    b: x', '']);
  assert.match(text, /ERROR Configuration not reloaded, keeping the old one: Invalid: 2 problems\n/);
});

test('one is one and two are two', async () => {
  const text = await logged({}, { isTerminal: true }, (log) => {
    log.warn('session.refused', { database: 'm', count: 1, reason: 'r' });
    log.warn('session.refused', { database: 'm', count: 2, reason: 'r' });
    log.warn('dial.failed', { database: 'm', endpoint: 'e', code: 'X', count: 1 });
  });
  assert.match(text, /m: refused 1 connection: r\n.*m: refused 2 connections: r\n.*\(X\), 1 time\n$/s);
});

test('every time in the terminal log is local', async () => {
  const now = new Date();
  const text = await logged({}, { isTerminal: true }, (log) => {
    log.warn('database.held', { database: 'm', until: now.toISOString(), reason: 'r' });
  });
  const local = [now.getHours(), now.getMinutes(), now.getSeconds()].map((part) =>
    String(part).padStart(2, '0'),
  );
  assert.ok(text.includes(`until ${local.join(':')}: r`), text);
  assert.doesNotMatch(text, /T\d\d:|Z/);
});

test('what others say cannot fake a line or steer the terminal', async () => {
  const text = await logged({ level: 'debug' }, { isTerminal: true }, (log) => {
    log.debug('sentinel.announced', { sentinel: 's', channel: '+x', payload: 'a\n\u001b[2Jb\u009b\u2028' });
  });
  assert.ok(text.endsWith('s announced +x a\\x0a\\x1b[2Jb\\x9b\\u2028\n'), JSON.stringify(text));
});

test('colours come only where they are welcome', async () => {
  const tell = (log: Log): void => {
    log.warn('master.degraded', { database: 'm', reasons: 'x' });
  };
  assert.match(await logged({}, { isTerminal: true, isColoured: true }, tell), /\u001b\[33mWARN \u001b\[0m/);
  assert.doesNotMatch(await logged({}, { isTerminal: true }, tell), /\u001b/);
});

test('anywhere else an event is a line of JSON, without what is undefined', async () => {
  const text = await logged({}, {}, (log) => {
    log.error('master.serving', { ...fields, epoch: undefined });
  });
  const line = JSON.parse(text) as Record<string, unknown>;
  assert.ok(Math.abs(Date.parse(String(line['time'])) - Date.now()) < 60_000);
  assert.deepEqual(line, {
    ...{ level: 'error', time: line['time'], event: 'master.serving' },
    ...{ database: 'm', endpoint: '10.0.0.1:6379', generation: 2, standing: 'confirmed' },
  });
});

test('the format asked for wins over the terminal', async () => {
  const tell = (log: Log): void => {
    log.info('sentinel.up', { sentinel: 's' });
  };
  assert.match(await logged({ format: 'json' }, { isTerminal: true }, tell), /^\{"level":"info"/);
  assert.match(await logged({ format: 'pretty' }, {}, tell), /Sentinel s answers\n$/);
});

test('events below the level are not written, in both formats', async () => {
  for (const format of ['json', 'pretty'] as const) {
    const text = await logged({ format, level: 'warn' }, {}, (log) => {
      assert.equal(log.isDebugging, false);
      for (const level of logLevels) log[level]('sentinel.up', { sentinel: `said-at-${level}` });
    });
    assert.deepEqual(text.match(/said-at-\w+/g), ['said-at-warn', 'said-at-error']);
  }
});

test('a field that is named like a secret is never written, in both formats', async () => {
  for (const format of ['json', 'pretty'] as const) {
    const text = await logged({ format }, {}, (log) => {
      log.info('sentinel.up', { sentinel: 's', password: 'hunter2', authToken: 'hunter2' });
    });
    assert.doesNotMatch(text, /hunter2/);
    assert.match(text, /redacted/);
  }
});

test('a pipe is no log file, and waiting for somebody to read it would take forever', async () => {
  await withFolder(async (folder) => {
    const file = join(folder, 'pipe');
    execFileSync('mkfifo', [file]);
    const refused = { code: 'ST_LOG_UNWRITABLE', message: /it is a pipe( or a socket)?, expected a file$/ };
    await assert.rejects(() => logged({ file }, {}, () => undefined), refused);
    const reader = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      await assert.rejects(() => logged({ file }, {}, () => undefined), refused);
    } finally {
      closeSync(reader);
    }
  });
});

test('a log file that cannot be opened is an error with a code', async () => {
  await assert.rejects(() => logged({ file: '/nonexistent/st.log' }, {}, () => undefined), {
    code: 'ST_LOG_UNWRITABLE',
    message: /^Cannot write log "\/nonexistent\/st\.log": its directory does not exist$/,
  });
});

test('what nobody takes fills a bounded queue: the rest is dropped, counted, and told when there is room', async () => {
  const paper = new Paper();
  let free: () => void = () => undefined;
  paper.stuck = new Promise((resolve) => (free = resolve));
  const told: string[] = [];
  const opened = await openLog(
    { level: 'info', format: 'json', file: '-' },
    { ...noTerminal, outlet: () => paper },
    (text) => told.push(text),
  );
  const reason = 'x'.repeat(1000);
  const count = 3000;
  for (let at = 0; at < count; at += 1) opened.log.info('master.unknown', { database: String(at), reason });
  assert.equal(opened.trouble, 'nobody read them');
  assert.ok(opened.dropped > count / 2 && opened.dropped < count, String(opened.dropped));
  assert.deepEqual(told, [
    'Cannot write log to standard output: nobody read them; log lines are dropped until it works again',
  ]);
  free();
  await eventually(() => opened.trouble === undefined);
  opened.log.info('log.reopened', { signal: 'SIGHUP' });
  const { dropped } = opened;
  await opened.close();
  const events = paper.events();
  const kept = events.filter(({ event }) => event === 'master.unknown') as unknown as { database: string }[];
  assert.deepEqual(
    kept.map(({ database }) => Number(database)),
    Array.from({ length: count - dropped }, (_, at) => at),
    'in order, and without a gap before the first that was dropped',
  );
  assert.deepEqual(
    events.slice(kept.length).map(({ event, count: many, reason: why }) => [event, many, why]),
    [
      ['log.dropped', dropped, 'nobody read them'],
      ['log.reopened', undefined, undefined],
    ],
  );
  assert.ok(paper.isClosed);
});

test('the last lines are waited for at the end, and not forever', async () => {
  const paper = new Paper();
  let free: () => void = () => undefined;
  paper.stuck = new Promise((resolve) => (free = resolve));
  const opened = await openLog(
    { level: 'info', format: 'json', file: '-' },
    { ...noTerminal, outlet: () => paper },
  );
  opened.log.info('tunnel.stopped', { outcome: 'drained', left: 0 });
  const beganMs = performance.now();
  await opened.close();
  assert.ok(performance.now() - beganMs < 5_000);
  assert.equal(paper.isClosed, false, 'a descriptor is not closed under a write');
  free();
  await eventually(() => paper.isClosed);
});

// Linux: https://man7.org/linux/man-pages/man4/full.4.html
test(
  'a full disk loses lines and says so, once, and again in the log when there is room',
  { skip: !existsSync('/dev/full') },
  async () => {
    await withFolder(async (folder) => {
      const file = join(folder, 'st.log');
      symlinkSync('/dev/full', file);
      const told: string[] = [];
      const opened = await openLog(
        { level: 'info', format: 'json', file },
        { ...noTerminal, outlet: () => new Paper() },
        (text) => told.push(text),
      );
      assert.equal(opened.trouble, undefined);
      opened.log.info('log.reopened', { signal: 'SIGHUP' });
      opened.log.info('log.reopened', { signal: 'SIGHUP' });
      await eventually(() => opened.dropped === 2);
      assert.equal(opened.trouble, 'no space is left on its disk (ENOSPC)');
      assert.deepEqual(told, [
        `Cannot write log "${file}": no space is left on its disk (ENOSPC); log lines are dropped until it works again`,
      ]);
      rmSync(file);
      await opened.reopen();
      assert.equal(opened.trouble, undefined);
      opened.log.info('log.reopened', { signal: 'SIGHUP' });
      await opened.close();
      const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
      const events = lines.map((line) => JSON.parse(line) as { event: string; count?: number });
      assert.deepEqual(
        events.map(({ event, count }) => [event, count]),
        [
          ['log.dropped', 2],
          ['log.reopened', undefined],
        ],
      );
    });
  },
);

test('a file that is moved away has all of the lines before it was, and the next one all that follow', async () => {
  await withFolder(async (folder) => {
    const file = join(folder, 'st.log');
    const opened = await openLog(
      { level: 'info', format: 'json', file },
      { ...noTerminal, outlet: () => new Paper() },
    );
    for (let round = 0; round < 5; round += 1) {
      for (let at = 0; at < 500; at += 1)
        opened.log.info('sentinel.up', { sentinel: `${String(round)}.${String(at)}` });
      renameSync(file, `${file}.${String(round)}`);
      await opened.reopen();
    }
    await opened.close();
    const text = [0, 1, 2, 3, 4].map((round) => readFileSync(`${file}.${String(round)}`, 'utf8')).join('');
    const all = `${text}${readFileSync(file, 'utf8')}`;
    assert.deepEqual(
      all.match(/\d\.\d+(?="\})/g),
      Array.from({ length: 2500 }, (_, at) => `${String(Math.floor(at / 500))}.${String(at % 500)}`),
    );
  });
});

async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'st-log-'));
  try {
    await run(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
