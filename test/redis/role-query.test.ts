import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secret } from '../../src/net/secret.ts';
import type { Access } from '../../src/net/tls.ts';
import { RoleQuery } from '../../src/redis/role-query.ts';
import type { Role } from '../../src/redis/role.ts';
import { eventually, FakeServer, RedisProcess, withoutLeaks, type Answer } from '../support/index.ts';

const forbidden: Answer = { raw: "-NOPERM this user has no permissions to run the 'role' command\r\n" };
const credentials = { username: undefined, password: new Secret('hunter2') };

async function ask(
  replies: Readonly<Record<string, Answer>>,
  times = 1,
  access: Access = { credentials },
): Promise<{ role: Role | undefined; asked: string[] }> {
  await using server = await FakeServer.listen(
    ([name = '']) => replies[name] ?? { raw: '-ERR unknown command\r\n' },
  );
  const query = await RoleQuery.open(server, 1000, { access });
  let role: Role | undefined;
  for (let count = 0; count < times; count += 1) role = await query.role(1000);
  query.connection.close();
  return { role, asked: server.asked.map((words) => words.join(' ')) };
}

const refusals: readonly Answer[] = [
  forbidden,
  { raw: "-ERR unknown command 'ROLE', with args beginning with: \r\n" },
  { raw: '-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n' },
];

test('role() uses HELLO after any refusal of ROLE, and does not send ROLE again', async () => {
  await withoutLeaks(async () => {
    for (const refusal of refusals) {
      for (const [said, kind] of [
        ['master', 'master'],
        ['replica', 'replica'],
        ['slave', 'replica'],
        ['active-replica', 'active-replica'],
      ] as const) {
        const hello: Answer = { reply: ['server', 'redis', 'proto', 2, 'role', said, 'modules', []] };
        const { role, asked } = await ask({ AUTH: { reply: 'OK' }, ROLE: refusal, HELLO: hello }, 3);
        assert.deepEqual(role, { kind });
        assert.deepEqual(asked, ['AUTH hunter2', 'ROLE', 'HELLO 2', 'HELLO 2', 'HELLO 2']);
      }
    }
  });
});

test('role() uses INFO replication where ROLE and HELLO fail, and sends only INFO from then on', async () => {
  await withoutLeaks(async () => {
    for (const [said, kind] of [
      ['master', 'master'],
      ['slave', 'replica'],
      ['replica', 'replica'],
      ['active-replica', 'active-replica'],
    ] as const) {
      const info: Answer = { reply: `# Replication\r\nrole:${said}\r\nconnected_slaves:0\r\n` };
      for (const hello of [forbidden, { reply: ['server', 'redis', 'mode', 'standalone'] }]) {
        const { role, asked } = await ask({ ROLE: forbidden, HELLO: hello, INFO: info }, 3, {});
        assert.deepEqual(role, { kind });
        assert.deepEqual(asked, ['ROLE', 'HELLO 2', ...Array<string>(3).fill('INFO replication')]);
      }
    }
  });
});

test('role() tries other commands after an invalid reply to ROLE, before the server is unusable', async () => {
  await withoutLeaks(async () => {
    const odd: Answer = { reply: ['primary'] };
    const hello: Answer = { reply: ['role', 'master'] };
    assert.deepEqual((await ask({ ROLE: odd, HELLO: hello }, 1, {})).role, { kind: 'master' });
    assert.deepEqual((await ask({ ROLE: odd }, 1, {})).role, {
      kind: 'unusable',
      why: 'its reply to ROLE is not valid',
    });
    // A Sentinel that refuses ROLE has no role in HELLO.
    const sentinel = await ask({ ROLE: forbidden, HELLO: { reply: ['mode', 'sentinel'] } }, 1, {});
    assert.deepEqual(sentinel.role, { kind: 'unusable', why: 'it is a Sentinel' });
  });
});

test('role() is unverifiable where every command fails, and sends only ROLE from then on', async () => {
  await withoutLeaks(async () => {
    const { role, asked } = await ask({ ROLE: forbidden }, 3, {});
    assert.deepEqual(role, {
      kind: 'unverifiable',
      why: "NOPERM this user has no permissions to run the 'role' command",
    });
    assert.deepEqual(asked, ['ROLE', 'HELLO 2', 'INFO replication', 'ROLE', 'ROLE']);
  });
});

test('role() sends no other command after NOAUTH', async () => {
  await withoutLeaks(async () => {
    const { role, asked } = await ask({ ROLE: { raw: '-NOAUTH Authentication required.\r\n' } }, 2, {});
    assert.deepEqual(role, { kind: 'unverifiable', why: 'NOAUTH Authentication required.' });
    assert.deepEqual(asked, ['ROLE', 'ROLE']);
  });
});

test('role() keeps the first reply of a server that closes, and sends a silent server no other command', async () => {
  await withoutLeaks(async () => {
    for (const then of ['close', 'hang', { raw: 'HTTP/1.1 400 Bad Request\r\n' }] as const) {
      await using server = await FakeServer.listen(([name]) => (name === 'ROLE' ? forbidden : then));
      const query = await RoleQuery.open(server, 1000, {});
      assert.equal((await query.role(200)).kind, 'unverifiable');
      query.connection.close();
    }
    await using silent = await FakeServer.listen(() => 'hang');
    const query = await RoleQuery.open(silent, 1000, {});
    await assert.rejects(query.role(100), { code: 'ST_REDIS_TIMEOUT' });
    assert.deepEqual(silent.asked, [['ROLE']]);
  });
});

test('count() asks for the replicas where the role reply does not list them, and returns at once', async () => {
  await withoutLeaks(async () => {
    const hello: Answer = { reply: ['role', 'master'] };
    const info: Answer = { reply: 'role:master\r\nslave0:ip=10.0.0.2,port=6379,state=online\r\n' };
    const activeReplica: Answer = { reply: ['active-replica', '10.0.0.3', 6379, 'connected', 1] };
    for (const replies of [
      { ROLE: forbidden, HELLO: hello, INFO: info },
      { ROLE: activeReplica, INFO: info },
      { ROLE: forbidden, INFO: info },
      { ROLE: { reply: ['master', 1, [['10.0.0.2', '6379', '1']]] } },
    ] as Readonly<Record<string, Answer>>[]) {
      await using server = await FakeServer.listen(([name = '']) => replies[name] ?? forbidden);
      const query = await RoleQuery.open(server, 1000, {});
      assert.equal(query.replicas, undefined);
      await query.role(1000);
      query.count(1000);
      query.count(1000);
      await eventually(() => query.replicas !== undefined);
      assert.deepEqual(query.replicas, [{ host: '10.0.0.2', port: 6379 }]);
      assert.ok(server.count('INFO', 'replication') <= 1);
      query.connection.close();
    }
    await using closed = await FakeServer.listen(([name]) => (name === 'HELLO' ? hello : forbidden));
    const query = await RoleQuery.open(closed, 1000, {});
    await query.role(1000);
    query.count(1000);
    await eventually(() => query.replicas !== undefined);
    assert.deepEqual(query.replicas, []);
    query.connection.close();
  });
});

test('a real server tells its role as long as it allows one of the three commands', async () => {
  await withoutLeaks(async () => {
    const users = [
      'user blind on >blind-secret -@all +ping',
      'user deaf on >deaf-secret -@all +role +acl',
      'user reader on >reader-secret -@all +info',
    ];
    const noRole = ['rename-command ROLE ""'];
    const noHello = [...noRole, 'rename-command HELLO ""'];
    await using plain = await RedisProcess.start({ config: users });
    await using roleless = await RedisProcess.start({ config: [...users, ...noRole] });
    await using helloless = await RedisProcess.start({ config: [...users, ...noHello] });
    await using replica = await RedisProcess.start({
      config: [...noHello, `replicaof 127.0.0.1 ${plain.port}`],
    });
    await using closed = await RedisProcess.start({ config: [...noHello, 'rename-command INFO hidden'] });
    const as = (username: string): Access => ({
      credentials: { username, password: new Secret(`${username}-secret`) },
    });
    for (const [server, access, kind] of [
      [plain, {}, 'master'],
      [plain, as('blind'), 'master'],
      [plain, as('deaf'), 'master'],
      [roleless, {}, 'master'],
      [roleless, as('blind'), 'master'],
      [helloless, {}, 'master'],
      [helloless, as('reader'), 'master'],
      [helloless, as('blind'), 'unverifiable'],
      [replica, {}, 'replica'],
      [closed, {}, 'unverifiable'],
    ] as const) {
      const query = await RoleQuery.open(server, 5000, { access });
      assert.equal((await query.role(5000)).kind, kind);
      assert.equal((await query.role(5000)).kind, kind);
      query.connection.close();
    }
    await plain.command('ACL', 'LOG', 'RESET');
    const query = await RoleQuery.open(plain, 5000, { access: as('blind') });
    for (let count = 0; count < 5; count += 1) await query.role(5000);
    query.connection.close();
    const [entry, ...others] = (await plain.command('ACL', 'LOG')) as unknown[][];
    assert.deepEqual(others, []);
    assert.deepEqual(entry?.slice(0, 2), ['count', 1]);
  });
});

test('a password that a server repeats in its refusal is removed from the message', async () => {
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

test('the error of a late reply to AUTH names the command and not the password', async () => {
  await withoutLeaks(async () => {
    await using server = await FakeServer.listen(() => 'hang');
    await assert.rejects(RoleQuery.open(server, 100, { access: { credentials } }), {
      code: 'ST_REDIS_TIMEOUT',
      message: `127.0.0.1:${server.port} has not answered AUTH within 100 ms`,
    });
  });
});

test('open() understands how Redis before 6 says that it has no password, or that ours is wrong', async () => {
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
      const query = await RoleQuery.open(server, 1000, { access: { credentials } });
      assert.equal(query.login.kind, kind);
      query.connection.close();
    }
  });
});
