import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/parse.ts';
import type { Engine, EngineTunnel, TunnelCommand } from '../../src/relay/core/engine.ts';
import { Sentinels } from '../../src/sentinel/members/sentinels.ts';
import type { Log } from '../../src/telemetry/log.ts';
import { Tunnel } from '../../src/tunnel/tunnel.ts';
import { openEngine } from '../relay/io/streams/streams-engine.ts';
import { eventually, FakeRedis, FakeSentinel, RespClient, withoutLeaks } from '../support/index.ts';

/** The same object, but `note` is called when a method of that name returns. */
function noting<T extends object>(
  target: T,
  method: keyof T,
  note: (...args: readonly unknown[]) => void,
): T {
  return new Proxy(target, {
    get: (object, key) => {
      const value: unknown = Reflect.get(object, key);
      if (typeof value !== 'function') return value;
      return (...args: readonly unknown[]) => {
        const result: unknown = Reflect.apply(value, object, args);
        if (key === method) note(...args);
        return result;
      };
    },
  });
}

test('an announced failover steers the engine before anything is logged', async () => {
  await withoutLeaks(async () => {
    const calls: string[] = [];
    const note = (event: string): void => {
      calls.push(event);
    };
    const log: Log = { isDebugging: true, debug: note, info: note, warn: note, error: note };
    await using redis = await FakeRedis.start();
    await using sentinel = await FakeSentinel.start({
      masters: { mymaster: { host: redis.host, port: redis.port } },
    });
    const config = parseConfig(
      {
        sentinels: [`${sentinel.host}:${String(sentinel.port)}`],
        databases: [{ name: 'mymaster', listen: '127.0.0.1:0' }],
      },
      'the test',
    );
    const [database] = config.databases;
    assert.ok(database);
    const sentinels = new Sentinels(config.sentinels, config.sentinel, log);
    const tunnel = new Tunnel(database, sentinels, log);
    const streams = openEngine();
    const engine: Engine = new Proxy(streams, {
      get: (object, key) => {
        if (key !== 'open') return Reflect.get(object, key) as unknown;
        return async (...args: Parameters<Engine['open']>): Promise<EngineTunnel> =>
          noting(await object.open(...args), 'apply', (command) => {
            const given = command as TunnelCommand;
            if (given.kind === 'steer') calls.push(`steer ${given.route.kind}`);
          });
      },
    });
    await tunnel.open(engine);
    await eventually(() => tunnel.view().phase.kind === 'serving');
    const [address] = tunnel.listening;
    assert.ok(address?.kind === 'tcp');
    const client = await RespClient.connect(address.port);
    assert.equal(await client.command('PING'), 'PONG');
    await eventually(() => sentinel.server.connections.length > 1);
    calls.length = 0;
    const master = `${redis.host} ${String(redis.port)}`;
    await eventually(() => {
      sentinel.publish('+failover-state-send-slaveof-noone', `slave a:1 127.0.0.1 1 @ mymaster ${master}`);
      return calls.includes('master.fenced');
    });
    const expected = ['steer hold', 'sentinel.announced', 'master.fenced'];
    assert.deepEqual(calls.filter((call) => call !== 'session.ended').slice(0, 3), expected);
    await client.closed;
    await tunnel.close();
    await streams.close();
    sentinels.close();
  });
});
