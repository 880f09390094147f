import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { X509Certificate } from 'node:crypto';
import type { Config } from '../../src/config/types.ts';
import { parseConfig } from '../../src/config/parse.ts';
import { TunnelError } from '../../src/errors.ts';
import { certificateNames, describeNames, isAllowedName } from '../../src/net/certificate-names.ts';
import { Certificates } from '../support/index.ts';

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
    [{ ca: empty }, `sentinel.tls.ca: cannot use "${empty}": it is not a PEM certificate`],
    [{ ca: damaged }, `sentinel.tls.ca: cannot use "${damaged}": it contains a damaged certificate`],
    [
      { ca: key },
      `sentinel.tls.ca: cannot use "${key}": it contains a private key, expected a PEM certificate`,
    ],
    [{ cert }, 'sentinel.tls: "cert" requires "key"'],
    [{ key }, 'sentinel.tls: "key" requires "cert"'],
    [
      { cert, key: two.keyFile },
      `sentinel.tls.key: "${two.keyFile}" is not the key of the certificate in "${cert}"`,
    ],
    [
      { cert, key: cert },
      `sentinel.tls.key: cannot use "${cert}": it contains a certificate, expected a PEM private key`,
    ],
    [
      { cert, key: encrypted },
      `sentinel.tls.key: cannot use "${encrypted}": its key is encrypted: decrypt it with openssl pkey`,
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
    ['databases[0].listen[0].tls.allowNames: requires "clientCa"'],
  );
  assert.deepEqual(problems({ engine: 'epoll', redis: { tls: true } }), [
    'engine: expected "auto" or "streams", because "m" speaks TLS, which "epoll" cannot',
  ]);
  const { warnings } = parsed({ sentinel: { tls: { ca: old.certFile } } });
  const [{ kind, text } = { kind: undefined, text: '' }] = warnings;
  assert.equal(kind, 'certificate');
  assert.match(text, /^sentinel\.tls\.ca: the certificate "CN=old" in ".*" expired on .* GMT$/);
  assert.equal(warnings.length, 1);
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

function textsOf(certificate: string | Buffer): string[] {
  return certificateNames(new X509Certificate(certificate)).map(({ text }) => text);
}

test('a name of a certificate cannot pretend to be two', async () => {
  await using own = await Certificates.make();
  const { cert } = await own.issue('c', {
    names: ['URI:http://a/?b, DNS:root', 'DNS:x.example', 'IP:127.0.0.1'],
  });
  const names = textsOf(cert);
  assert.ok(!names.includes('root'), names.join(' | '));
  assert.ok(names.includes('c') && names.includes('x.example'));
  assert.ok(!names.includes('127.0.0.1'));
  for (const end of ['\u2028', '\u2029', '\n', '\r', '\u0085', '\u000b', ', ', '+']) {
    const { cert: forged } = await own.issue('c', { subject: `/O=x${end.replace('+', '\\+')}CN=app/CN=c` });
    assert.deepEqual(textsOf(forged), ['c', 'localhost'], JSON.stringify(end));
  }
  const { cert: several } = await own.issue('c', { subject: '/CN=one/O=x/CN=two', names: [] });
  assert.deepEqual(textsOf(several), ['one', 'two']);
  const { cert: nobody } = await own.issue('c', { subject: '/O=CN=app', names: [] });
  assert.deepEqual(textsOf(nobody), []);
});

test('a name of a certificate is as long as its bytes say, and of no other type than a text', async () => {
  await using own = await Certificates.make();
  const { cert } = await own.issue('app@eve', { names: ['DNS:app@eve.example'] });
  const raw = Buffer.from(new X509Certificate(cert).raw);
  // The signature no longer fits, which does not matter to whoever reads the names.
  const changed = (from: Buffer, to: Buffer): Buffer => {
    const at = raw.indexOf(from);
    assert.ok(at > 0);
    const copy = Buffer.from(raw);
    to.copy(copy, at);
    return copy;
  };
  const named = (tag: number, text: string): Buffer =>
    Buffer.from(`${String.fromCharCode(tag, 7)}${text}`, 'latin1');
  const whole = named(0x0c, 'app@eve');
  assert.deepEqual(textsOf(changed(whole, named(0x0c, 'app\0eve'))), ['app\0eve', 'app@eve.example']);
  assert.deepEqual(textsOf(changed(Buffer.from('app@eve.example'), Buffer.from('app\0eve.example'))), [
    'app@eve',
    'app\0eve.example',
  ]);
  // A number, bits, nothing, or half a character: OpenSSL does not even take it for a certificate.
  for (const tag of [0x02, 0x03, 0x05, 0x1e])
    assert.throws(() => textsOf(changed(whole, named(tag, 'app@eve'))), {
      code: 'ERR_OSSL_PEM_NO_START_LINE',
    });
  // An extension that does not end where it says has no names; nothing is thrown.
  const cut = changed(Buffer.from([0x82, 0x0f]), Buffer.from([0x82, 0x7f]));
  assert.deepEqual(textsOf(cut), ['app@eve']);
});

test('a certificate with many or long names is compared by the whole of them, and shown in part', async () => {
  await using own = await Certificates.make();
  const many = Array.from({ length: 40 }, (_, index) => `DNS:n${String(index)}.example`);
  const names = certificateNames(new X509Certificate((await own.issue('c', { names: many })).cert));
  assert.ok(names.some((name) => isAllowedName(name, ['n39.example'])));
  const shown = describeNames(names);
  assert.match(shown, /^"c", "n0\.example", .*, "n14\.example" and 25 more$/);
  const long = { kind: 'dns', text: 'a'.repeat(400) } as const;
  assert.ok(!isAllowedName(long, ['a'.repeat(200)]));
  assert.equal(describeNames([long]), `"${'a'.repeat(200)}…"`);
  assert.equal(describeNames([{ kind: 'common', text: 'a"\u2028\u202e' }]), '"a"\\u2028\\u202e"');
  assert.equal(describeNames([]), 'nobody');
});

test('allowed names are the same, or one label below', () => {
  for (const [text, allowed, isAllowed] of [
    ['app', 'app', true],
    ['APP.example', 'app.EXAMPLE', true],
    ['a.example', '*.example', true],
    ['example', '*.example', false],
    ['.example', '*.example', false],
    ['a.b.example', '*.example', false],
    ['aexample', '*.example', false],
    ['*.example', 'a.example', false],
    ['app', '*', false],
    ['a b.example', '*.example', false],
    ['http://a.example', '*.example', false],
    ['\u212aube', 'kube', false],
    ['app\0', 'app', false],
    ['app\u2028', 'app', false],
  ] as const) {
    for (const kind of ['common', 'dns'] as const)
      assert.equal(isAllowedName({ kind, text }, [allowed]), isAllowed, `${text} ${allowed}`);
  }
  const uri = { kind: 'uri', text: 'spiffe://example/App' } as const;
  assert.ok(isAllowedName(uri, [uri.text]));
  assert.ok(!isAllowedName(uri, ['spiffe://example/app']));
  assert.ok(!isAllowedName({ kind: 'uri', text: 'a.example' }, ['*.example']));
});
