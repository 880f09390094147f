import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { inspect, isDeepStrictEqual } from 'node:util';
import type { Config } from '../../src/config/types.ts';
import { parseConfig, type Overlay } from '../../src/config/parse.ts';
import { inFolder } from '../cli/call.ts';

const base = { sentinels: ['10.0.0.1:26379'], databases: [{ name: 'mymaster', listen: 6379 }] };

function adminOf(admin: unknown, overlay: Overlay = { hasAdmin: true }): Config['admin'] {
  return parseConfig({ ...base, ...(admin !== undefined && { admin }) }, 'a test', overlay).admin;
}

function complaintOf(admin: unknown): string {
  try {
    adminOf(admin);
  } catch (error) {
    return error instanceof Error ? error.message : '';
  }
  return 'nothing';
}

const usual = {
  listen: { kind: 'tcp', host: '127.0.0.1', port: 9121 },
  isUsual: true,
  token: undefined,
  hosts: [],
};

test('there is an admin listener where a command wants one by default, unless it is turned off', () => {
  assert.deepEqual(adminOf(undefined), usual);
  assert.deepEqual(adminOf({}), usual);
  assert.equal(adminOf(undefined, {}), undefined);
  assert.deepEqual(adminOf({}, {}), usual, 'configured is wanted');
  assert.equal(adminOf(false), undefined);
  assert.equal(adminOf('off'), undefined);
  const from = '--admin';
  assert.equal(adminOf({ listen: 9000 }, { admin: { value: false, from } }), undefined);
  assert.deepEqual(adminOf({ hosts: ['a'] }, { admin: { value: '9000', from } }), {
    ...usual,
    listen: { kind: 'tcp', host: '127.0.0.1', port: 9000 },
    isUsual: false,
    hosts: ['a'],
  });
});

test('whoever can connect from elsewhere needs a token', () => {
  for (const listen of ['0.0.0.0:9121', '[::]:9121', '10.0.0.1:9121', 'tunnel.example:9121'])
    assert.match(
      complaintOf({ listen }),
      /admin\.listen: other machines can connect to it: set "token"/,
      listen,
    );
  for (const listen of ['127.0.0.1:1', '127.9.9.9:1', '[::1]:1', 'localhost:1', 'unix:/run/st.sock', 9000])
    assert.equal(complaintOf({ listen }), 'nothing', String(listen));
  assert.equal(complaintOf({ listen: '0.0.0.0:9121', token: 'sixteen-characters' }), 'nothing');
});

test('a token comes from the configuration or from a file, and is no short word', async () => {
  await inFolder(async (dir) => {
    const tokenFile = join(dir, 'token');
    await writeFile(tokenFile, 'a-token-of-a-file\n');
    await chmod(tokenFile, 0o600);
    const admin = adminOf({ tokenFile });
    assert.deepEqual({ ...admin, token: admin?.token?.reveal() }, { ...usual, token: 'a-token-of-a-file' });
    for (const printed of [
      inspect(admin, { depth: 9, showHidden: true }),
      JSON.stringify(admin),
      String(admin?.token),
    ])
      assert.doesNotMatch(printed, /a-token-of/);
    const again = adminOf({ token: 'a-token-of-a-file' });
    assert.ok(isDeepStrictEqual(again, admin), 'a reload with the same token changes nothing');
    assert.ok(!isDeepStrictEqual(adminOf({ token: 'another-token-of-a-file' }), admin));
    assert.match(
      complaintOf({ tokenFile, token: 'sixteen-characters' }),
      /admin\.tokenFile: set "token" or "tokenFile"/,
    );
    assert.match(
      complaintOf({ tokenFile: join(dir, 'none') }),
      /admin\.tokenFile: cannot use ".*none": no such file/,
    );
    await writeFile(tokenFile, 'short\n');
    assert.match(complaintOf({ tokenFile }), /admin\.tokenFile: expected at least 16 printable characters/);
    const short = complaintOf({ token: 'short-secret' });
    assert.match(short, /admin\.token: expected at least 16 printable characters/);
    assert.doesNotMatch(short, /short-secret/);
  });
});

test('what is wrong with it is named at its place', () => {
  assert.match(complaintOf({ listn: 1 }), /admin\.listn: unknown key, did you mean "listen"\?/);
  assert.match(
    complaintOf({ listen: 'x' }),
    /admin\.listen: expected "host:port", a port, or "unix:\/path", got "x"/,
  );
  assert.match(complaintOf(true), /admin: expected "off", or a mapping of keys to values, got true/);
  assert.match(
    complaintOf({ listen: 6379 }),
    /admin\.listen: "127\.0\.0\.1:6379" is taken by databases\[0\]\.listen already/,
  );
  assert.match(
    complaintOf({ hosts: ['a:1'] }),
    /admin\.hosts\[0\]: expected a list of host names without ports/,
  );
});
