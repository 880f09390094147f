import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../../../src/config/types.ts';
import { parseConfig } from '../../../src/config/parse.ts';
import { startDaemon } from '../../../src/daemon.ts';
import { silentLog, type Log } from '../../../src/telemetry/log.ts';
import { scenario } from '../../support/index.ts';

const config = parseConfig(
  { sentinels: ['127.0.0.1:1'], databases: [{ name: 'one', listen: 0 }], engine: 'streams', admin: false },
  'test',
);

scenario('what becomes of a reload that is going on is told before the stop is', async () => {
  const told: string[] = [];
  const tell = (event: string): void => void told.push(event);
  const log: Log = { ...silentLog, info: tell, warn: tell, error: tell };
  const daemon = await startDaemon(config, log, {
    read: async () => {
      await sleep(200); // longer than a stop without sessions takes
      return config;
    },
  });
  const reloads = [daemon.reload(), daemon.reload()].map((reload) =>
    assert.rejects(reload, { code: 'ST_CLOSED' }),
  );
  await daemon.stop('SIGTERM');
  assert.deepEqual(
    told.filter((event) => event === 'config.reload-failed' || event === 'tunnel.stopped'),
    ['config.reload-failed', 'config.reload-failed', 'tunnel.stopped'],
  );
  await Promise.all(reloads);
});

scenario('a configuration that is never read keeps nobody from stopping', async () => {
  const never = new Promise<Config>(() => undefined);
  const daemon = await startDaemon(config, silentLog, { read: () => never });
  void daemon.reload();
  assert.equal(await daemon.stop('SIGTERM'), 'drained');
});
