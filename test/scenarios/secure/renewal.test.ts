import assert from 'node:assert/strict';
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import {
  awaitServing,
  Certificates,
  eventually,
  FakeRedis,
  FakeSentinel,
  RespClient,
  scenario,
  TunnelProcess,
  type Issued,
} from '../../support/index.ts';

scenario('certificates and passwords are renewed by a reload, and nobody is cut', async () => {
  await using own = await Certificates.make();
  await using redis = await FakeRedis.start({
    answer: ([command, password]) =>
      command === 'AUTH' ? { raw: password === 'new' ? '+OK\r\n' : '-WRONGPASS no\r\n' } : undefined,
  });
  await using sentinel = await FakeSentinel.naming(redis);
  const [cert, key, passwordFile] = ['server.pem', 'server.key', 'password'].map((name) =>
    join(own.dir, name),
  ) as [string, string, string];
  const install = async ({ certFile, keyFile }: Issued): Promise<void> => {
    await copyFile(certFile, cert);
    await copyFile(keyFile, key);
  };
  const first = await own.issue('first');
  await install(first);
  await writeFile(passwordFile, 'old', { mode: 0o600 });
  const config = {
    sentinels: [sentinel.seed],
    redis: { passwordFile },
    databases: [{ name: 'mymaster', listen: { address: 0, tls: { cert, key } } }],
    drainMs: 200,
  };
  await using tunnel = await TunnelProcess.start({ config });
  await awaitServing(tunnel, 'mymaster');
  const port = tunnel.port('mymaster');
  await using old = await RespClient.connect(port, { tls: { ca: own.ca } });
  assert.equal(await old.command('PING'), 'PONG');
  assert.equal(nameShown(old), 'first');
  await eventually(() => tunnel.events('redis.denied').length === 1);

  // Only files change.
  await install(await own.issue('second'));
  await writeFile(passwordFile, 'new', { mode: 0o600 });
  const told = await tunnel.reload(config);
  assert.equal(told.event, 'config.reloaded', tunnel.log());
  assert.doesNotMatch(JSON.stringify(told), /PRIVATE|BEGIN|"old|"new/);
  assert.deepEqual(
    (told['lines'] as string[])
      .map((line) => line.replace(/^databases\[mymaster\]\.(listen\[.*\]\.)?/, ''))
      .toSorted(),
    [
      'redis.credentials.password: changed (from the next connection of ours to Redis)',
      'tls.identity.cert: changed (new sessions only)',
      'tls.identity.key: changed (new sessions only)',
    ],
  );
  await using young = await RespClient.connect(port, { tls: { ca: own.ca } });
  assert.equal(nameShown(young), 'second');
  assert.equal(await young.command('PING'), 'PONG');
  assert.equal(await old.command('PING'), 'PONG');
  await eventually(() =>
    redis.server.asked.some(([command, password]) => command === 'AUTH' && password === 'new'),
  );
  assert.equal(tunnel.events('redis.denied').length, 1);

  // A key of another certificate, a file that is none.
  await copyFile(first.keyFile, key);
  let failed = await tunnel.reload(config);
  assert.equal(failed.event, 'config.reload-failed');
  assert.match(
    String(failed['reason']),
    /listen\.tls\.key: ".*" is not the key of the certificate in ".*server\.pem"$/,
  );
  await writeFile(cert, 'nothing');
  failed = await tunnel.reload(config);
  assert.match(String(failed['reason']), /listen\.tls\.cert: cannot use ".*": it is not a PEM certificate$/);
  await using still = await RespClient.connect(port, { tls: { ca: own.ca } });
  assert.equal(nameShown(still), 'second');

  // Without TLS it is another listener on another engine; sessions of before have drainMs.
  const plain = { ...config, databases: [{ name: 'mymaster', listen: port }] };
  const replaced = await tunnel.reload(plain);
  assert.deepEqual(replaced['lines'], [
    'databases[mymaster]: changed (reopened, with TLS or without; its sessions have drainMs to end)',
  ]);
  await using bare = await RespClient.connect(port);
  assert.equal(await bare.command('PING'), 'PONG');
  await Promise.all([old.closed, young.closed, still.closed]);
});

/** The common name of the certificate that a client was shown. */
function nameShown({ socket }: RespClient): unknown {
  assert.ok(socket instanceof TLSSocket);
  return socket.getPeerCertificate().subject.CN;
}
