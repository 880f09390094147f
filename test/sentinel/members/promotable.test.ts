import assert from 'node:assert/strict';
import { test } from 'node:test';
import { localOrigin } from '../../../src/redis/reported-address.ts';
import { readPromotable, whyNotPromotable } from '../../../src/sentinel/members/promotable.ts';

/** A row of SENTINEL REPLICAS as redis 7.0.15 gives it, as far as it is read. */
function row(port: number, facts: Readonly<Record<string, string>> = {}): readonly string[] {
  const usual = {
    ...{ ip: '10.0.0.1', port: String(port), flags: 'slave', 'slave-priority': '100' },
    ...{ 'master-link-down-time': '0', 'down-after-milliseconds': '1000' },
  };
  return Object.entries({ ...usual, ...facts }).flat();
}

function ports(...rows: readonly (readonly string[])[]): readonly (number | undefined)[] | undefined {
  return readPromotable(rows, localOrigin)
    ?.filter(({ isConnected }) => isConnected)
    .map(({ announced }) => announced.port);
}

test('every replica that is up may be promoted, except with priority 0', () => {
  assert.deepEqual(ports(row(1), row(2), row(3, { 'slave-priority': '0' })), [1, 2]);
  assert.deepEqual(ports(row(1, { 'slave-priority': '0' })), []);
  assert.deepEqual(ports(), []);
});

test('a replica that is down or without a connection to the Sentinel may not be promoted', () => {
  for (const flags of ['s_down,slave', 's_down,o_down,slave', 'slave,disconnected'])
    assert.deepEqual(ports(row(1, { flags }), row(2)), [2], flags);
});

test('a replica that has been without its master for ten times down-after-milliseconds may not be promoted', () => {
  assert.deepEqual(ports(row(1, { 'master-link-down-time': '10001' }), row(2)), [2]);
  assert.deepEqual(ports(row(1, { 'master-link-down-time': '10000' }), row(2)), [1, 2]);
});

test('only the best priority may be promoted, and replicas that are down do not count', () => {
  assert.deepEqual(ports(row(1, { 'slave-priority': '90' }), row(2)), [1]);
  assert.deepEqual(ports(row(1, { 'slave-priority': '90', flags: 's_down,slave' }), row(2)), [2]);
});

test('one that is up but without a connection to the Sentinel is listed as such: it may have one in a moment', () => {
  const listed = readPromotable([row(1, { flags: 'slave,disconnected' }), row(2)], localOrigin);
  assert.deepEqual(
    listed?.map(({ announced, isConnected }) => [announced.port, isConnected]),
    [
      [1, false],
      [2, true],
    ],
  );
});

test('whyNotPromotable() asks nothing of the link for as long as the master has been down', () => {
  const lost = new Map(
    Object.entries({ 'master-link-down-time': '15000', 'down-after-milliseconds': '1000' }),
  );
  assert.equal(whyNotPromotable(lost), 'its link to the master has been down for 15000 ms');
  assert.equal(whyNotPromotable(lost, 6_000), undefined);
});

test('a replica that cannot be dialled from here is listed', () => {
  const [only] = readPromotable([row(1, { ip: '127.0.0.1' })], { map: [], isRemote: true }) ?? [];
  assert.deepEqual(only, {
    announced: { host: '127.0.0.1', port: 1 },
    endpoint: undefined,
    isConnected: true,
  });
});

test('an invalid reply gives no list', () => {
  for (const reply of [null, 'OK', 5]) assert.equal(readPromotable(reply, localOrigin), undefined);
});
