import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:tls';
import type { AddressInfo } from 'node:net';
import {
  awaitServing,
  Certificates,
  eventually,
  FakeRedis,
  FakeSentinel,
  RespClient,
  scenario,
  serveThrough,
  startCluster,
  startThrough,
  TunnelProcess,
  type Issued,
} from '../../support/index.ts';

/** So that nobody is taken for silent who is merely slow. */
const replyMs = 20_000;

interface Own {
  readonly caFile: string;
  readonly issued: Issued;
}

function clientTls({ caFile, issued }: Own): object {
  return { ca: caFile, cert: issued.certFile, key: issued.keyFile };
}

scenario('TLS to Sentinels, to Redis and from clients, each with certificates of both sides', async (t) => {
  await using own = await Certificates.make();
  await using other = await Certificates.make();
  const server = await own.issue('server');
  const tunnelCert = await own.issue('tunnel');
  const app = await own.issue('app', { names: ['DNS:app.example', 'URI:spiffe://example/app'] });
  const tls = { caFile: own.caFile, ca: own.ca, server, asksClients: true };
  await using cluster = await startCluster({ tls });
  const ours = clientTls({ caFile: own.caFile, issued: tunnelCert });
  const listenTls = { cert: server.certFile, key: server.keyFile };

  await t.test('a whole failover', async () => {
    await using tunnel = await serveThrough(cluster, {
      config: { sentinel: { tls: ours, replyMs }, redis: { tls: ours }, engine: 'auto' },
      database: {
        listen: [{ address: 0, tls: { ...listenTls, clientCa: own.caFile, allowNames: ['*.example'] } }],
      },
    });
    assert.equal(tunnel.events('engine.secured').length, 1);
    const { port, options } = { port: tunnel.port(cluster.name), options: { tls: { ca: own.ca, ...app } } };
    await using client = await RespClient.connect(port, options);
    assert.equal(await client.command('SET', 'key', 'value'), 'OK');
    const promoted = await cluster.failoverAndSettle();
    assert.ok(['fin', 'reset'].includes(await client.closed));
    await using again = await RespClient.connect(port, options);
    assert.deepEqual(await again.command('CONFIG', 'GET', 'tls-port'), ['tls-port', String(promoted.port)]);
    assert.equal(await again.command('GET', 'key'), 'value');
    await tunnel.waitFor(({ event }) => event === 'failover.story');
    assert.deepEqual(tunnel.events('sentinel.down'), []);
    assert.deepEqual(tunnel.events('session.refused'), []);
  });

  for (const [what, sentinel, expected] of [
    [
      'no TLS',
      {},
      /^(Cannot reach HERE: ECONNRESET before it said anything: does this port want TLS\?|No TLS with HERE: it answers in TLS, but tls is not configured: does this port want TLS\?|HERE closed the connection before it said anything: does this port want TLS\?)$/,
    ],
    [
      'another CA',
      { tls: clientTls({ caFile: other.caFile, issued: tunnelCert }) },
      /^No TLS with HERE: its certificate is signed by no CA of tls\.ca \(\w+\)$/,
    ],
    [
      'no CA',
      { tls: true },
      /^No TLS with HERE: its certificate is signed by no CA that is trusted without tls\.ca \(\w+\)$/,
    ],
    [
      'another name',
      { tls: { ...ours, servername: 'sentinel.example' } },
      /^No TLS with HERE: its certificate is for DNS:localhost, IP Address:127\.0\.0\.1 and not for "sentinel\.example": tls\.servername says which name to expect$/,
    ],
    [
      'no client certificate',
      { tls: { ca: own.caFile } },
      /^No TLS with HERE: it asks for a client certificate, set tls\.cert and tls\.key$/,
    ],
    [
      'a client certificate of another CA',
      { tls: { ...clientTls({ caFile: own.caFile, issued: await other.issue('tunnel') }) } },
      /^No TLS with HERE: it does not trust the CA of our certificate$/,
    ],
  ] as const) {
    await t.test(`${what} for Sentinels is one line each`, async () => {
      await using tunnel = await startThrough(cluster, {
        config: { sentinel: { replyMs, ...sentinel }, redis: { tls: ours }, engine: 'auto' },
      });
      await eventually(() => tunnel.events('sentinel.down').length >= 3);
      for (const { reason, code } of tunnel.events('sentinel.down')) {
        assert.match(String(reason).replace(/127\.0\.0\.1:\d+/g, 'HERE'), expected);
        if (what !== 'no TLS') assert.equal(code, 'ST_TLS_FAILED');
      }
      assert.equal(tunnel.events('sentinel.down').length, 3);
    });
  }

  for (const [what, redis, expected] of [
    [
      'another CA',
      { tls: { ...ours, ca: other.caFile } },
      /cannot be used: No TLS with HERE: its certificate is signed by no CA of tls\.ca/,
    ],
    ['another name', { tls: { ...ours, servername: 'redis.example' } }, /and not for "redis\.example"/],
    [
      'no client certificate',
      { tls: { ca: own.caFile } },
      /it asks for a client certificate, set tls\.cert and tls\.key/,
    ],
    ['no TLS', {}, /does this port want TLS\?/],
  ] as const) {
    await t.test(`${what} for Redis is why there is no master`, async () => {
      await using tunnel = await startThrough(cluster, {
        config: { sentinel: { tls: ours, replyMs }, redis, engine: 'auto' },
      });
      await tunnel.waitFor(({ event, reason }) => {
        return event === 'master.lost' && expected.test(String(reason).replace(/127\.0\.0\.1:\d+/g, 'HERE'));
      });
    });
  }
});

scenario('a server without TLS, silent or not, is asked whether its port is one for TLS', async () => {
  await using own = await Certificates.make();
  await using redis = await FakeRedis.start();
  await using silent = await FakeSentinel.start({ accept: 'hang' });
  await using plain = await FakeSentinel.start({ greeting: '-ERR Protocol error\r\n' });
  const seeds = [silent.seed, plain.seed];
  await using tunnel = await startThrough(
    { name: 'mymaster', seeds },
    { config: { sentinel: { tls: { ca: own.caFile }, replyMs: 2000 } } },
  );
  await eventually(() => tunnel.events('sentinel.down').length === 2);
  const told = new Map(tunnel.events('sentinel.down').map(({ sentinel, reason }) => [sentinel, reason]));
  assert.equal(
    told.get(silent.seed),
    `No TLS with ${silent.seed}: no handshake within 2000 ms: is this a TLS port?`,
  );
  assert.equal(
    told.get(plain.seed),
    `No TLS with ${plain.seed}: it does not answer in TLS: is this a TLS port?`,
  );
  assert.equal(redis.accepted, 0);
});

scenario('a certificate that has expired is told as such', async () => {
  await using own = await Certificates.make();
  const { cert, key } = await own.issue('server', { days: -1 });
  const server = createServer({ cert, key });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const seed = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    await using tunnel = await startThrough(
      { name: 'mymaster', seeds: [seed] },
      { config: { sentinel: { tls: { ca: own.caFile } } } },
    );
    const down = await tunnel.waitFor(({ event }) => event === 'sentinel.down');
    assert.equal(down['reason'], `No TLS with ${seed}: its certificate has expired`);
  } finally {
    server.close();
  }
});

scenario('a listener tells clients why they may not in, and the log who they said they were', async () => {
  await using own = await Certificates.make();
  await using other = await Certificates.make();
  await using redis = await FakeRedis.start();
  await using sentinel = await FakeSentinel.naming(redis);
  const { certFile, keyFile } = await own.issue('tunnel');
  const asking = {
    ...{ cert: certFile, key: keyFile, clientCa: own.caFile },
    allowNames: ['app', 'spiffe://example/app', '*.example'],
  };
  await using tunnel = await TunnelProcess.start({
    config: {
      sentinels: [sentinel.seed],
      databases: [{ name: 'mymaster', listen: { address: 0, tls: asking } }],
    },
  });
  await awaitServing(tunnel, 'mymaster');
  const port = tunnel.port('mymaster');
  const { ca } = own;

  for (const allowed of [
    await own.issue('app'),
    await own.issue('x', { names: ['URI:spiffe://example/app'] }),
    await own.issue('x', { names: ['DNS:ONE.example'] }),
    await own.issue('x', { subject: '/O=x\u2028y/CN=x/CN=app', names: [] }),
  ]) {
    await using client = await RespClient.connect(port, { tls: { ca, ...allowed } });
    assert.equal(await client.command('PING'), 'PONG');
  }

  for (const [client, expected] of [
    [undefined, 'this port asks for a client certificate, and none was shown'],
    [await own.issue('eve', { names: [] }), 'the certificate of "eve" is not allowed here'],
    [
      await own.issue('eve', { names: ['DNS:a.b.example', 'URI:spiffe://example/app/2'] }),
      'the certificate of "eve", "a.b.example", "spiffe://example/app/2" is not allowed here',
    ],
    // Neither a separator that JavaScript takes for the end of a line nor a real one begins another name.
    ...(await Promise.all(
      ['\u2028', '\u2029', '\n', '\r'].map(async (end) => {
        const forged = await own.issue('eve', { subject: `/O=x${end}CN=app/CN=eve`, names: [] });
        return [forged, 'the certificate of "eve" is not allowed here'] as const;
      }),
    )),
    [
      await own.issue('eve', { subject: '/CN=eve\u2028CN=app', names: [] }),
      'the certificate of "eve\\u2028CN=app" is not allowed here',
    ],
    [
      await own.issue('eve', { names: ['URI:http://eve.example', 'DNS:a/eve.example'] }),
      'the certificate of "eve", "http://eve.example", "a/eve.example" is not allowed here',
    ],
    [
      await own.issue('app', { days: -1, names: [] }),
      'the certificate of "app" is not accepted: it has expired',
    ],
    [
      await other.issue('app', { names: [] }),
      'the certificate of "app" is not accepted: it is signed by no CA of clientCa (UNABLE_TO_VERIFY_LEAF_SIGNATURE)',
    ],
  ] as const) {
    await using refused = await RespClient.connect(port, { tls: { ca, ...client } });
    await assert.rejects(refused.command('PING'), { message: `DENIED sentinel-tunnel: ${expected}` });
    assert.equal(await refused.closed, 'fin');
    await tunnel.waitFor(({ event, reason }) => event === 'session.refused' && reason === expected);
  }

  await using plain = await RespClient.connect(port);
  await assert.rejects(plain.command('PING'), {
    message: 'DENIED sentinel-tunnel: this port expects TLS',
  });
  await tunnel.waitFor(({ reason }) => reason === 'a client without TLS on a port that expects TLS');

  await assert.rejects(RespClient.connect(port, { tls: { ca: other.ca } }), /self-signed|unable|issuer/);
  // Nothing tells when the tunnel has read what it is left with, so that there is more than one who leaves.
  await eventually(async () => {
    await using leaving = await RespClient.connect(port);
    leaving.write(Uint8Array.of(0x16));
    await new Promise((resolve) => setTimeout(resolve, 100));
    leaving.reset();
    return tunnel.events().some(({ reason }) => reason === 'TLS handshake failed: the client broke it off');
  });

  // One that says nothing at all, or nothing more after its first byte.
  await using mute = await RespClient.connect(port);
  await using slow = await RespClient.connect(port);
  slow.write(Uint8Array.of(0x16));
  await Promise.all([mute.closed, slow.closed]);
  // They come together and are told together, the last of them by its words.
  await tunnel.waitFor(({ reason }) => String(reason).endsWith(' within 5000 ms'));
  assert.equal(redis.count('PING'), 4);
});
