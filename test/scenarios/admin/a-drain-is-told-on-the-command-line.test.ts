import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call } from '../../cli/call.ts';
import { eventually, serveThrough, startCluster, withoutLeaks } from '../../support/index.ts';

test('during a drain status tells how many sessions go on and until when', async () => {
  await withoutLeaks(async () => {
    await using cluster = await startCluster({ sentinels: 1, replicas: 0 });
    await using tunnel = await serveThrough(cluster, {
      config: { admin: { listen: 0 }, drainMs: 60_000 },
    });
    await tunnel.waitFor(({ event }) => event === 'admin.opened');
    await using client = await tunnel.connect(cluster.name);
    assert.equal(await client.command('PING'), 'PONG');
    tunnel.signal('SIGTERM');
    const env = { SENTINEL_TUNNEL_ADMIN: `127.0.0.1:${String(tunnel.adminPort)}` };
    const { stdout } = await eventually(async () => {
      const called = await call(['status'], env);
      return called.stdout.includes('DRAINING') && called;
    });
    assert.match(stdout, /^DRAINING: 1 session, until (?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d, /m);
    assert.match(stdout, /^mymaster {2}DRAINING: 1 session, until /m);
    assert.doesNotMatch(stdout, /NOT LISTENING|not yet/);
    await client.close();
    assert.equal((await tunnel.exited).code, 0);
  });
});
