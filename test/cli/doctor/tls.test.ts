import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:tls';
import { test } from 'node:test';
import { Certificates, RedisProcess, withoutLeaks } from '../../support/index.ts';
import { codesOf, diagnosed, found } from './diagnosed.ts';

test('what is wrong with TLS is found, on real servers', async (t) => {
  await withoutLeaks(async () => {
    await using authority = await Certificates.make();
    await using stranger = await Certificates.make();
    const { ca, caFile } = authority;
    const issued = await Promise.all([
      authority.issue('short', { days: 2 }),
      authority.issue('long', { days: 90 }),
      authority.issue('other', { names: ['DNS:redis.example'], days: 90 }),
      authority.issue('old', { days: -1 }),
    ]);
    const [soon, long, other, old] = issued;
    await using redis = await RedisProcess.start({ tls: { ca, caFile, server: long } });
    const monitor = {
      sentinel: true,
      config: ['tls-replication yes', `sentinel monitor a 127.0.0.1 ${redis.port} 1`],
    } as const;
    const start = (server: typeof long): Promise<RedisProcess> =>
      RedisProcess.start({ ...monitor, tls: { ca, caFile, server } });
    /** Puts a certificate that no client would take in front of a real Sentinel. */
    const front = (server: typeof long, asksClients = false): Promise<Front> =>
      Front.start(behind.port, { ...server, ca, asksClients });
    await using sentinel = await start(long);
    await using behind = await RedisProcess.start({
      sentinel: true,
      config: [`sentinel monitor a 127.0.0.1 ${redis.port} 1`],
    });
    const tls = { ca: caFile };
    const databases = [{ name: 'a', listen: 0 }];
    const look = (
      on: { readonly port: number },
      sentinelTls: unknown,
      redisTls: unknown = tls,
    ): ReturnType<typeof diagnosed> =>
      diagnosed({
        sentinels: [`127.0.0.1:${on.port}`],
        sentinel: { replyMs: 2000, tls: sentinelTls },
        redis: { tls: redisTls },
        databases,
      });

    await t.test('nothing, with the right CA', async () => {
      const codes = codesOf(await look(sentinel, tls));
      assert.deepEqual(
        codes.filter((code) => code.startsWith('tls') || code.startsWith('master')),
        [],
      );
    });

    await t.test('a CA that is not trusted', async () => {
      const finding = found(await look(sentinel, { ca: stranger.caFile }), 'tls-untrusted');
      assert.equal(finding.severity, 'broken');
      assert.match(finding.what, /certificate of a CA that is not trusted, "CN=test CA/);
      assert.match(finding.remedy, /sentinel\.tls\.ca/);
    });

    await t.test('a certificate for another name, with the name to expect', async () => {
      await using named = await front(other);
      const finding = found(await look(named, tls), 'tls-name');
      assert.match(finding.what, /for DNS:redis\.example, expected "127\.0\.0\.1"/);
      assert.match(finding.remedy, /^Set sentinel\.tls\.servername: "redis\.example"/);
      assert.match(finding.evidence[1]?.answered ?? '', /^CN=other; names: DNS:redis\.example; issued by/);
      const servername = await look(named, { ca: caFile, servername: 'redis.example' });
      assert.ok(!codesOf(servername).includes('tls-name'));
    });

    await t.test('a certificate that has expired, and one that soon will', async () => {
      await using expired = await front(old);
      assert.match(found(await look(expired, tls), 'tls-expired').what, /valid from .* to \d{4}-/);
      await using expiring = await front(soon);
      const finding = found(await look(expiring, tls), 'tls-expiring');
      assert.match(finding.what, /, 1 days from now$/);
      assert.match(finding.what, new RegExp(`127\\.0\\.0\\.1:${expiring.port}`));
    });

    await t.test('TLS to a plain port and none to a TLS port, for Sentinels and for Redis', async () => {
      assert.match(found(await look(sentinel, false), 'tls-wanted').remedy, /^Set sentinel\.tls: true/);
      const redisPlain = found(await look(sentinel, tls, false), 'tls-wanted', 'a');
      assert.equal(redisPlain.severity, 'broken');
      assert.match(redisPlain.remedy, /^Set redis\.tls: true/);
      await using plain = await RedisProcess.start();
      await using watcher = await RedisProcess.start({
        sentinel: true,
        config: [`sentinel monitor a 127.0.0.1 ${plain.port} 1`],
      });
      const both = await look(watcher, tls);
      assert.match(found(both, 'tls-unwanted').remedy, /^Leave sentinel\.tls out/);
      assert.equal(found(both, 'tls-unwanted').evidence[1]?.answered, '+PONG');
      const inTls = found(await look(watcher, false, tls), 'tls-unwanted', 'a');
      assert.equal(inTls.severity, 'broken');
      assert.match(inTls.what, new RegExp(`^the master 127\\.0\\.0\\.1:${plain.port} does not speak TLS`));
    });

    await t.test('a server that asks for a client certificate', async () => {
      await using strict = await front(long, true);
      const finding = found(await look(strict, tls), 'tls-failed');
      assert.match(finding.what, /client certificate/);
    });
  });
});

/** A TLS port before a plain one. */
class Front implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;

  static async start(
    to: number,
    { cert, key, ca, asksClients }: { cert: string; key: string; ca: string; asksClients: boolean },
  ): Promise<Front> {
    const server = createServer({ cert, key, ca, requestCert: asksClients }, (socket) => {
      const behind = connect(to, '127.0.0.1');
      for (const [one, other] of [
        [socket, behind],
        [behind, socket],
      ] as const) {
        one.on('error', () => one.destroy()); // clients that break off are part of the play
        one.once('close', () => other.destroy());
        one.pipe(other);
      }
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Front((server.address() as AddressInfo).port, server);
  }

  private constructor(port: number, server: Server) {
    this.port = port;
    this.#server = server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
