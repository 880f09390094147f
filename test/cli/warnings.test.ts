import assert from 'node:assert/strict';
import { platform } from 'node:os';
import { test } from 'node:test';
import { Certificates, freePort, TunnelProcess, withoutLeaks } from '../support/index.ts';

test('what may be meant otherwise is warned of at start: open listeners, and too few descriptors', async (context) => {
  if (platform() !== 'linux') {
    context.skip('the limit of descriptors is read from /proc');
    return;
  }
  await withoutLeaks(async () => {
    const nobody = `127.0.0.1:${String(await freePort())}`;
    await using own = await Certificates.make();
    const { certFile: cert, keyFile: key } = await own.issue('server');
    const config = {
      sentinels: [nobody],
      databases: [
        {
          name: 'a',
          maxConnections: 200,
          listen: [
            '0.0.0.0:0',
            { address: '[::]:0', allow: ['10.0.0.0/8'] },
            '127.0.0.1:0',
            { address: '[::1]:0' },
          ],
        },
        { name: 'b', listen: 0, maxConnections: 200 },
        {
          name: 'c',
          maxConnections: 200,
          listen: [
            { address: '0.0.0.0:0', tls: { cert, key } },
            { address: '0.0.0.0:0', tls: { cert, key, clientCa: own.caFile } },
          ],
        },
      ],
    };
    const limited = (limit: number): string[] => [
      '/bin/sh',
      '-c',
      `ulimit -n ${String(limit)}; exec "$0" "$@"`,
    ];
    await using tunnel = await TunnelProcess.start({ config, prefix: limited(700) });
    const exposed = tunnel.events('listener.exposed');
    assert.deepEqual(
      exposed.map(({ level, database, address }) => [level, database, String(address).replace(/\d+$/, '')]),
      [
        ['warn', 'a', '0.0.0.0:'],
        ['warn', 'c', '0.0.0.0:'],
      ],
    );
    const [few] = tunnel.events('descriptors.few');
    assert.deepEqual([few?.['configured'], few?.['limit'], few?.['level']], [600, 700, 'warn']);
    assert.equal(2 * Number(few?.['connections']) + Number(few?.['reserved']), 700);
    await tunnel.stop();

    await using enough = await TunnelProcess.start({
      config: { ...config, maxConnections: 350 },
      prefix: limited(1_000),
    });
    assert.deepEqual(enough.events('descriptors.few'), []);
    await enough.stop();
  });
});
