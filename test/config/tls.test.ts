import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { X509Certificate } from 'node:crypto';
import type { Config } from '../../src/config/config.ts';
import { parseConfig } from '../../src/config/parse.ts';
import { TunnelError } from '../../src/errors.ts';
import { certificateNames, isAllowedName } from '../../src/net/certificate-names.ts';
import { Certificates } from '../kit/index.ts';

function parsed(more: object): Config {
  return parseConfig({ sentinels: ['a:1'], databases: [{ name: 'm', listen: 1 }], ...more }, 'x');
}

function problems(more: object): string[] {
  try {
    parsed(more);
  } catch (error) {
    assert.ok(error instanceof TunnelError);
    const [first = '', ...rest] = error.message.split('\n  ');
    return rest.length === 0 ? [first.replace('Invalid configuration in x: ', '')] : rest;
  }
  return [];
}

test('every problem with a file of TLS is named, and none shows a key', async () => {
  await using own = await Certificates.make();
  const [one, two, old] = [
    await own.issue('one'),
    await own.issue('two'),
    await own.issue('old', { days: -1 }),
  ];
  const [encrypted, damaged, empty] = ['encrypted', 'damaged', 'empty'].map((name) =>
    join(own.dir, name),
  ) as [string, string, string];
  execFileSync('openssl', ['pkey', '-in', one.keyFile, '-aes256', '-passout', 'pass:x', '-out', encrypted]);
  await writeFile(damaged, one.cert.replace(/\n.{20}/, '\nAAAAAAAAAAAAAAAAAAAA'));
  await writeFile(empty, '');
  const { certFile: cert, keyFile: key } = one;
  const cases: [object, string][] = [
    [{ ca: join(own.dir, 'none') }, `sentinel.tls.ca: cannot use "${own.dir}/none": no such file`],
    [{ ca: empty }, `sentinel.tls.ca: cannot use "${empty}": it is no certificate in PEM form`],
    [{ ca: damaged }, `sentinel.tls.ca: cannot use "${damaged}": a certificate in it is damaged`],
    [
      { ca: key },
      `sentinel.tls.ca: cannot use "${key}": it holds a private key, expected a certificate in PEM form`,
    ],
    [{ cert }, 'sentinel.tls: "cert" needs "key" beside it'],
    [{ key }, 'sentinel.tls: "key" needs "cert" beside it'],
    [
      { cert, key: two.keyFile },
      `sentinel.tls.key: "${two.keyFile}" is not the key of the certificate in "${cert}"`,
    ],
    [
      { cert, key: cert },
      `sentinel.tls.key: cannot use "${cert}": it holds a certificate, expected a private key in PEM form`,
    ],
    [
      { cert, key: encrypted },
      `sentinel.tls.key: cannot use "${encrypted}": its key is encrypted, which cannot be used here: write it out with openssl pkey`,
    ],
    [{ minVersion: 'TLSv1' }, 'sentinel.tls.minVersion: expected one of "TLSv1.2", "TLSv1.3", got "TLSv1"'],
    [{ sevrername: 'x' }, 'sentinel.tls.sevrername: unknown key, did you mean "servername"?'],
  ];
  for (const [tls, expected] of cases) assert.deepEqual(problems({ sentinel: { tls } }), [expected]);
  assert.deepEqual(problems({ sentinel: { tls: 'yes' } }), [
    'sentinel.tls: expected true, false, or a mapping of keys to values, got "yes"',
  ]);
  assert.deepEqual(
    problems({ databases: [{ name: 'm', listen: [{ address: 1, tls: { cert, key, allowNames: ['a'] } }] }] }),
    ['databases[0].listen[0].tls.allowNames: needs "clientCa" beside it'],
  );
  assert.deepEqual(problems({ engine: 'epoll', redis: { tls: true } }), [
    'engine: expected "auto" or "streams", because "m" speaks TLS, which "epoll" cannot',
  ]);
  const { warnings } = parsed({ sentinel: { tls: { ca: old.certFile } } });
  assert.match(
    warnings.join(),
    /^sentinel\.tls\.ca: the certificate "CN=old" in ".*" cannot be used: it has expired on .* GMT$/,
  );
});

test('TLS of Redis may be changed or left out for one database, apart from its password', () => {
  const config = parsed({
    redis: { password: 'x', tls: { servername: 'all' } },
    databases: [
      { name: 'a', listen: 1 },
      { name: 'b', listen: 2, redis: { tls: false } },
      { name: 'c', listen: 3, redis: { tls: { servername: 'own' } } },
      { name: 'd', listen: 4, redis: { username: 'u', password: 'y' } },
    ],
  });
  assert.deepEqual(
    config.databases.map(({ redis }) => [redis.tls?.servername, redis.credentials?.password.reveal()]),
    [
      ['all', 'x'],
      [undefined, 'x'],
      ['own', 'x'],
      ['all', 'y'],
    ],
  );
});

test('a name of a certificate cannot pretend to be two', async () => {
  await using own = await Certificates.make();
  const { cert } = await own.issue('c', {
    names: ['URI:http://a/?b, DNS:root', 'DNS:x.example', 'IP:127.0.0.1'],
  });
  const names = certificateNames(new X509Certificate(cert));
  assert.ok(!names.includes('root'), names.join(' | '));
  assert.ok(names.includes('c') && names.includes('x.example'));
  assert.ok(!names.includes('127.0.0.1'));
});

test('allowed names are the same, or one label below', () => {
  for (const [name, allowed, isAllowed] of [
    ['app', 'app', true],
    ['APP.example', 'app.EXAMPLE', true],
    ['a.example', '*.example', true],
    ['example', '*.example', false],
    ['.example', '*.example', false],
    ['a.b.example', '*.example', false],
    ['aexample', '*.example', false],
    ['*.example', 'a.example', false],
    ['app', '*', false],
  ] as const) {
    assert.equal(isAllowedName(name, [allowed]), isAllowed, `${name} ${allowed}`);
  }
});
