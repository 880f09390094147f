import assert from 'node:assert/strict';
import { call } from '../../cli/call.ts';
import { clusterScenario, eventually } from '../../support/index.ts';

clusterScenario(
  'during a drain status tells how many sessions go on and until when',
  {
    cluster: { sentinels: 1, replicas: 0 },
    tunnel: {
      config: { admin: { listen: 0 }, drainMs: 60_000 },
    },
  },
  async ({ cluster, tunnel }) => {
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
  },
);
