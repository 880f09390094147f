import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createPlainServer } from 'node:net';
import { test } from 'node:test';
import { eventually, freePort } from '../support/index.ts';
import { assertNoTrace, call, main } from './call.ts';

type Answering = (request: IncomingMessage, response: ServerResponse) => void;

/** Something that answers where a tunnel is expected. */
async function withServer(answering: Answering, run: (admin: string) => Promise<void>): Promise<void> {
  const server = createServer(answering);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  try {
    await run(`127.0.0.1:${String(typeof address === 'object' ? address?.port : '')}`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const now = new Date().toISOString();
const evil = 'evil\u001b]0;owned\u0007\u009b2J\u202e\r\n';

function statusWith(changes: object): object {
  return {
    version: 1,
    program: {
      version: evil,
      engine: evil,
      threads: 1,
      state: evil,
      startedAt: now,
      now,
      uptimeMs: 5,
      configFile: evil,
      logTrouble: evil,
      logDropped: 0,
    },
    ready: false,
    reasons: [evil],
    databases: [
      {
        ...{ name: evil, ready: false, reason: evil, phase: evil, since: now, master: evil, standing: evil },
        ...{ generation: evil, epoch: evil, view: { phase: { kind: evil, reason: evil } }, degraded: [evil] },
        listen: [{ address: evil, open: false, reason: evil }],
        counters: null,
        hold: { since: now, until: now, reason: evil, holdMs: 10_000 },
        lastFailover: {
          database: evil,
          at: now,
          trigger: evil,
          from: evil,
          to: 'b',
          generation: 2,
          cut: 1,
          held: 1,
        },
      },
    ],
    sentinels: [
      {
        ...{ address: evil, seed: false, id: null, state: evil, subscription: evil },
        ...{ answers: 1, errors: 0, failures: 0, latencyMs: 1 },
        said: ['address', 'unknown', 'error', 'unreachable'].map((kind) => ({
          ...{
            database: evil,
            kind,
            address: evil,
            epoch: 1,
            flags: [evil],
            text: evil,
            agrees: false,
            at: now,
          },
        })),
      },
    ],
    lastEventId: evil,
    ...changes,
  };
}

const event = {
  id: evil,
  time: now,
  level: evil,
  event: evil,
  fields: { a: evil, b: { c: evil }, d: null },
  sentence: evil,
};

test('nothing that a tunnel says steers the terminal', async () => {
  const answering: Answering = ({ url = '' }, response) => {
    const failover = {
      ...(statusWith({}) as { databases: { lastFailover: object }[] }).databases[0]?.lastFailover,
    };
    const bodies: Readonly<Record<string, unknown>> = {
      '/status': statusWith({}),
      '/events': {
        version: 1,
        latestId: 'a.1',
        events: [event, { ...event, event: 'master.serving', level: 'info' }],
      },
      '/failovers': { version: 1, failovers: [{ ...failover, lines: [{ ms: 1, who: evil, what: evil }] }] },
    };
    response.end(JSON.stringify(bodies[url.replace(/\?.*/, '')] ?? { error: evil, code: evil }));
  };
  await withServer(answering, async (admin) => {
    for (const args of [
      ['status'],
      ['status', '--json'],
      ['top', '--interval', '0.1'],
      ['events', '--level', 'info'],
      ['events', '--json'],
      ['failovers'],
      ['failovers', '--json'],
      ['cut', 'x'],
    ]) {
      const called = await call([...args, '--admin', admin]);
      // Line breaks alone are ours.
      const text = (called.stdout + called.stderr).replaceAll('\n', '');
      assert.doesNotMatch(text, /[\p{Cc}\p{Cf}\u2028\u2029]/u, args.join(' '));
      assert.match(text, args[0] === 'cut' ? /is not a Sentinel Tunnel/ : /evil/, args.join(' '));
      assertNoTrace(called);
    }
  });
});

test('what answers and is no tunnel of this version is reported', async () => {
  const answers: readonly (readonly [string, Answering, RegExp])[] = [
    [
      'another program',
      (_, response) => response.end('<h1>It works</h1>'),
      /: 127\.0\.0\.1:\d+ is not a Sentinel Tunnel: it answers HTTP 200, "<h1>It works<\/h1>"$/m,
    ],
    [
      'JSON of another program',
      (_, response) => response.end('{"status":"ok"}'),
      /: 127\.0\.0\.1:\d+ is not a Sentinel Tunnel: it answers HTTP 200, /,
    ],
    [
      'an odd status',
      (_, response) => response.writeHead(502).end('{}'),
      /: 127\.0\.0\.1:\d+ is not a Sentinel Tunnel: it answers HTTP 502, "\{\}"$/m,
    ],
    [
      'another version',
      (_, response) => response.end(JSON.stringify(statusWith({ version: 2 }))),
      /: The tunnel at 127\.0\.0\.1:\d+ answers in version 2, this program reads version 1$/m,
    ],
    [
      'this version, with something missing',
      (_, response) => response.end(JSON.stringify(statusWith({ databases: [{ name: 'a' }] }))),
      /: The tunnel's answer cannot be read: /,
    ],
  ];
  for (const [what, answering, sentence] of answers) {
    await withServer(answering, async (admin) => {
      const called = await call(['status', '--admin', admin]);
      assert.equal(called.code, 4, what);
      assert.match(called.stderr, sentence, what);
      assertNoTrace(called);
    });
  }
  const plain = createPlainServer((socket) => {
    socket.on('error', () => undefined);
    socket.resume(); // so that its end is seen
    socket.end('-ERR unknown command\r\n');
  });
  plain.listen(0, '127.0.0.1');
  await once(plain, 'listening');
  const address = plain.address();
  const redis = `127.0.0.1:${String(typeof address === 'object' ? address?.port : '')}`;
  const called = await call(['status', '--admin', redis]);
  assert.equal(called.code, 4);
  assert.match(called.stderr, /127\.0\.0\.1:\d+ is not a Sentinel Tunnel: Parse Error/);
  await new Promise((resolve) => plain.close(resolve));
  const mute = createPlainServer((socket) => {
    socket.on('error', () => undefined);
    socket.resume();
    socket.end();
  });
  mute.listen(0, '127.0.0.1');
  await once(mute, 'listening');
  const port = mute.address();
  const hungUp = await call([
    ...['status', '--admin'],
    `127.0.0.1:${String(typeof port === 'object' ? port?.port : '')}`,
  ]);
  await new Promise((resolve) => mute.close(resolve));
  assert.equal(hungUp.code, 4);
  assert.match(hungUp.stderr, /No admin listener answers at 127\.0\.0\.1:\d+: /);
  const nobody = await call(['status', '--admin', `127.0.0.1:${String(await freePort())}`]);
  assert.equal(nobody.code, 4);
  assert.match(
    nobody.stderr,
    /No tunnel answers at .* \(ECONNREFUSED\): is it running with an admin listener\?/,
  );
});

test('a configuration that cannot be reloaded is told in the lines in which it was said, and nothing else is', async () => {
  const error = `Invalid configuration in x, 2 problems:\n  a: b\u001b[2J\n  c: d`;
  const answering: Answering = (_, response) => {
    response.writeHead(422).end(JSON.stringify({ error, code: 'ST_CONFIG_INVALID' }));
  };
  await withServer(answering, async (admin) => {
    const called = await call(['reload', '--admin', admin]);
    assert.equal(
      called.stderr,
      'sentinel-tunnel: Invalid configuration in x, 2 problems (ST_CONFIG_INVALID):\n  a: b\\x1b[2J\n  c: d\n',
    );
    assert.equal(called.code, 1);
  });
});

test('points in time are local ones in what is printed for a person', async () => {
  const at = '2020-05-06T07:08:09.123Z';
  const held = {
    ...event,
    event: 'database.held',
    level: 'warn',
    fields: { database: 'a', until: at, reason: 'r' },
  };
  const answering: Answering = ({ url = '' }, response) => {
    const backlog = { version: 1, latestId: 'a.1', events: [held] };
    response.end(
      JSON.stringify(
        url.startsWith('/events') ? backlog : statusWith({ databases: [], reasons: [`since ${at}`] }),
      ),
    );
  };
  await withServer(answering, async (admin) => {
    for (const command of ['status', 'events']) {
      const { stdout } = await call([command, '--admin', admin], { TZ: 'Asia/Tokyo' });
      assert.match(stdout, /(since|until) 2020-05-06 16:08:09/, command);
    }
  });
});

test('flags that make no sense are told before anybody is asked', async () => {
  for (const [args, said] of [
    [['events', '--level', 'loud'], /--level: expected debug, info, warn, error, got "loud"/],
    [['events', '--last', 'x'], /--last: expected a whole number from 0/],
    [['failovers', '--last', '0'], /--last: expected a whole number from 1/],
    [['top', '--interval', '0'], /--interval: expected seconds from 0.1 to 60/],
    [['hold', 'a', '--for-ms', '1.5'], /--for-ms: expected a whole number from 1/],
    [['failover', 'a', '--force', '--graceful'], /--force is for a failover without --graceful/],
    [['failover', 'a', '--finish-ms', '5'], /--finish-ms is for --graceful/],
    [['failover', 'a', '--max-lag-wait', '5'], /--max-lag-wait is for --graceful/],
    [
      ['failover', 'a', '--graceful', '--max-lag-wait', '0'],
      /--max-lag-wait: expected a whole number from 1 to 60000/,
    ],
    [['status', '--admin', 'off'], /Nobody to ask: the admin listener is turned off by --admin/],
    [['status', '--admin', '127.0.0.1:0'], /--admin: port 0 is chosen by the kernel/],
    [['hold'], /Missing required argument 'name'/],
  ] as const) {
    const called = await call([...args]);
    assert.equal(called.code, 2, args.join(' '));
    assert.match(called.stderr, said);
    assertNoTrace(called);
  }
});

test('an event that holds a separator of Unicode is followed like any other', async () => {
  const frame = { ...event, id: 'a.2', sentence: 'here\u2028there' };
  const answering: Answering = ({ url = '', headers }, response) => {
    if (headers.accept !== 'text/event-stream' && url.includes('last=')) {
      response.end(JSON.stringify({ version: 1, latestId: 'a.1', events: [] }));
      return;
    }
    if (url.includes('status')) {
      response.end('{}');
      return;
    }
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.write(`id: a.2\nevent: log\ndata: ${JSON.stringify(frame)}\n\n`);
  };
  await withServer(answering, async (admin) => {
    const follower = spawn(process.execPath, [main, 'events', '--follow', '--admin', admin], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let told = '';
    follower.stdout.on('data', (chunk: Buffer) => (told += chunk.toString()));
    try {
      await eventually(() => told.includes('here\\u2028there'));
    } finally {
      follower.kill();
      await once(follower, 'exit');
    }
  });
});
