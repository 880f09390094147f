import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../../src/config/parse.ts';
import { formatEndpoint } from '../../../src/net/endpoint.ts';
import { replyTo } from '../../../src/redis/query.ts';
import { masterCommands } from '../../../src/sentinel/links/query.ts';
import { querySentinels, surveyFrom } from '../../../src/sentinel/members/survey.ts';
import { FakeRedis, FakeSentinel, freePort, withoutLeaks } from '../../support/index.ts';

test('a survey queries each Sentinel on one connection, and its replies serve as evidence', async () => {
  await withoutLeaks(async () => {
    await using redis = await FakeRedis.start();
    const masters = { mymaster: { host: redis.host, port: redis.port } };
    await using one = await FakeSentinel.start({ masters });
    await using other = await FakeSentinel.start({
      masters,
      answer: ([name]) => (name === 'PING' ? 'close' : undefined),
    });
    const down = { host: '127.0.0.1', port: await freePort() };
    const config = parseConfig(
      {
        sentinels: [one, other, down].map(({ host, port }) => formatEndpoint({ host, port })),
        databases: [
          { name: 'mymaster', listen: 0 },
          { name: 'missing', listen: 0 },
        ],
      },
      'the test',
    );
    // Sent last: the connection that it ends has answered everything else.
    const replies = await querySentinels(config, [['PING']]);
    assert.equal(one.server.accepted, 1);
    assert.deepEqual(
      replies.map(({ failure }) => failure?.code),
      [undefined, 'ST_SENTINEL_UNREACHABLE', 'ST_SENTINEL_UNREACHABLE'],
    );
    const [first] = replies;
    assert.ok(first);
    assert.deepEqual(replyTo(first, masterCommands.address('mymaster')), [redis.host, String(redis.port)]);
    const [known, missing] = await surveyFrom(config, replies);
    assert.deepEqual(
      known?.sentinels.map(({ answer }) => answer.kind),
      ['address', 'address', 'unreachable'],
    );
    assert.equal(known.role?.kind, 'master');
    assert.equal(known.adopted && formatEndpoint(known.adopted.endpoint), formatEndpoint(redis));
    assert.deepEqual(
      missing?.sentinels.map(({ answer }) => answer.kind),
      ['unknown', 'unknown', 'unreachable'],
    );
    assert.equal(missing.adopted, undefined);
  });
});
