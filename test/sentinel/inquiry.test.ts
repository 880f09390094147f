import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secret } from '../../src/net/secret.ts';
import { Inquiry } from '../../src/sentinel/inquiry.ts';
import type { Role } from '../../src/sentinel/role.ts';
import { FakeServer, withoutLeaks, type Answer } from '../kit/index.ts';

const forbidden: Answer = { raw: "-NOPERM this user has no permissions to run the 'role' command\r\n" };
const credentials = { username: undefined, password: new Secret('hunter2') };

async function ask(
  replies: Readonly<Record<string, Answer>>,
  times = 1,
  access = { credentials },
): Promise<{ role: Role | undefined; asked: string[] }> {
  await using server = await FakeServer.listen(
    ([name = '']) => replies[name] ?? { raw: '-ERR unknown command\r\n' },
  );
  const inquiry = await Inquiry.open(server, 1000, access);
  let role: Role | undefined;
  for (let count = 0; count < times; count += 1) role = await inquiry.role(1000);
  inquiry.connection.close();
  return { role, asked: server.asked.map((words) => words.join(' ')) };
}

test('HELLO tells the role where ROLE is forbidden, which is then not asked again', async () => {
  await withoutLeaks(async () => {
    for (const [said, kind] of [
      ['master', 'master'],
      ['replica', 'replica'],
    ] as const) {
      const hello: Answer = { reply: ['server', 'redis', 'proto', 2, 'role', said, 'modules', []] };
      const { role, asked } = await ask({ AUTH: { reply: 'OK' }, ROLE: forbidden, HELLO: hello }, 3);
      assert.deepEqual(role, { kind });
      assert.deepEqual(asked, ['AUTH hunter2', 'ROLE', 'HELLO', 'HELLO', 'HELLO']);
    }
  });
});

test('a server that tells its role in no way cannot be verified', async () => {
  await withoutLeaks(async () => {
    const { role } = await ask({ AUTH: { reply: 'OK' }, ROLE: forbidden });
    assert.deepEqual(role, {
      kind: 'unverifiable',
      why: "NOPERM this user has no permissions to run the 'role' command",
    });
  });
});

test('a server that repeats the password in its refusal does not get it into a message', async () => {
  await withoutLeaks(async () => {
    const { role } = await ask({
      AUTH: { raw: '-WRONGPASS hunter2 is wrong\r\n' },
      ROLE: { raw: '-NOAUTH Authentication required.\r\n' },
    });
    assert.deepEqual(role, {
      kind: 'unverifiable',
      why: 'it refuses the credentials of "redis": WRONGPASS [redacted] is wrong',
    });
  });
});

test('a server that does not answer AUTH is late by name, not by password', async () => {
  await withoutLeaks(async () => {
    await using server = await FakeServer.listen(() => 'hang');
    await assert.rejects(Inquiry.open(server, 100, { credentials }), {
      code: 'ST_SENTINEL_TIMEOUT',
      message: `127.0.0.1:${server.port} has not answered AUTH within 100 ms`,
    });
  });
});

test('Redis before 6 says in other words that it has no password, or that ours is wrong', async () => {
  await withoutLeaks(async () => {
    for (const [said, kind] of [
      ['-ERR Client sent AUTH, but no password is set', 'needless'],
      [
        '-ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
        'needless',
      ],
      ['-ERR invalid password', 'refused'],
      ['+OK', 'done'],
    ] as const) {
      await using server = await FakeServer.listen(() => ({ raw: `${said}\r\n` }));
      const inquiry = await Inquiry.open(server, 1000, { credentials });
      assert.equal(inquiry.login.kind, kind);
      inquiry.connection.close();
    }
  });
});
