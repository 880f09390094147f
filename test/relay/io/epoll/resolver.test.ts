import assert from 'node:assert/strict';
import { test } from 'node:test';
import { whyOwn } from '../../../../src/net/own-listeners.ts';
import { portOf } from '../../../../src/os/sockaddr.ts';
import { Resolver } from '../../../../src/relay/io/epoll/resolver.ts';

test('Resolver looks a host up once for all of its ports, and judges each port', () => {
  const asked: string[] = [];
  const resolver = new Resolver((host) => asked.push(host));
  resolver.avoid([{ kind: 'tcp', host: '192.0.2.1', port: 2 }]);
  const found: string[] = [];
  const resolve = (host: string, port: number): void => {
    resolver.resolve({ host, port }, (result) => {
      found.push(typeof result === 'string' ? result : result.map(({ bytes }) => portOf(bytes)).join());
    });
  };
  resolve('a.test', 1);
  resolve('a.test', 1);
  resolve('a.test', 2);
  resolve('b.test', 1);
  assert.deepEqual(asked, ['a.test', 'b.test']);
  resolver.answered('a.test', ['192.0.2.1', '2001:db8::1']);
  assert.deepEqual(found, ['1,1', '1,1', whyOwn]);
  assert.notEqual(resolver.known({ host: 'a.test', port: 1 }), undefined);
  resolver.answered('b.test', 'EAI_AGAIN');
  assert.equal(found.at(-1), 'EAI_AGAIN');
  resolve('b.test', 1);
  assert.deepEqual(asked, ['a.test', 'b.test', 'b.test']);
});
