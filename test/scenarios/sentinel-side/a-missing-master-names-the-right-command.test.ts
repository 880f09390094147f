import assert from 'node:assert/strict';
import { FakeSentinel, scenario, startCluster, startThrough } from '../../support/index.ts';

scenario(
  'an unknown name leads to "check", which lists the names; Sentinels that give no answer do not',
  async () => {
    await using sentinel = await FakeSentinel.start();
    await using misnamed = await startThrough({ name: 'nosuch', seeds: [sentinel.seed] });
    const unknown = await misnamed.waitFor(({ event }) => event === 'master.missing');
    assert.match(String(unknown['reason']), /monitors "nosuch"/);
    assert.match(String(unknown['remedy']), /"sentinel-tunnel check" lists the names/);

    await using dead = await startThrough({ name: 'nosuch', seeds: ['127.0.0.1:1'] });
    const silent = await dead.waitFor(({ event }) => event === 'master.missing');
    assert.match(String(silent['reason']), /ECONNREFUSED/);
    assert.match(String(silent['remedy']), /"sentinel-tunnel doctor"/);

    await using cluster = await startCluster({ sentinels: 1, replicas: 0, sentinelPassword: 'right' });
    await using denied = await startThrough(cluster, { config: { sentinel: { password: 'wrong' } } });
    const refused = await denied.waitFor(({ event }) => event === 'master.missing');
    assert.match(String(refused['remedy']), /"sentinel-tunnel doctor"/);
  },
);
