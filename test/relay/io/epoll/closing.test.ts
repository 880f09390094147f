import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { platform } from 'node:os';
import { describe } from 'node:test';
import { encodeCommand, eventually, RedisProcess, RespClient } from '../../../support/index.ts';
import { it } from '../../suite/it.ts';
import { Rig, unread, type EngineUnderTest } from '../../suite/rig.ts';
import { fatal, hasRing, openEngine, withFaults } from './engines.ts';

/** `include/net/tcp_states.h`, as `/proc/net/tcp` writes it. */
const timeWait = '06';

const engines: EngineUnderTest[] = [];
if (platform() === 'linux') {
  engines.push({ name: 'epoll', openEngine, module: '' });
  if (await hasRing()) engines.push(withFaults('none', fatal, 'io_uring'));
}

for (const engine of engines)
  describe(`the connection to a server whose client is gone, on ${engine.name}`, () => {
    it('leaves no local port in TIME_WAIT', async () => {
      await using redis = await RedisProcess.start();
      await using observer = await RespClient.connect(redis.port);
      await using rig = await Rig.open(engine, unread);
      rig.serve(redis.port);
      const before = timeWaitsTo(redis.port); // of whoever started the server
      for (let round = 1; round <= 5; round += 1) {
        const client = await rig.connect();
        client.send(encodeCommand(['INCR', 'rounds']));
        await client.says(`:${String(round)}\r\n`);
        client.reset();
        await rig.counts({ open: 0 });
      }
      await eventually(async () => clientsOf(await observer.command('INFO', 'clients')) === 1);
      const after = timeWaitsTo(redis.port);
      assert.ok(after <= before, `${String(after - before)} local ports are in TIME_WAIT`);
    });

    it('is closed in such a way that all is executed that was sent on it', async () => {
      await using redis = await RedisProcess.start();
      await using observer = await RespClient.connect(redis.port);
      await using rig = await Rig.open(engine, unread);
      rig.serve(redis.port);
      for (let round = 1; round <= 20; round += 1) {
        const commands = Array.from({ length: 100 }, () => encodeCommand(['INCR', 'sent'])).join('');
        const client = await rig.connect();
        client.socket.pause();
        client.send(commands);
        await rig.counts({ upstreamBytes: round * commands.length });
        client.reset();
        await rig.counts({ open: 0 });
        const sent = String(round * 100);
        await eventually(async () => (await observer.command('GET', 'sent')) === sent);
      }
    });
  });

function clientsOf(info: unknown): number {
  return Number(/^connected_clients:(\d+)/m.exec(String(info))?.[1]);
}

/** How many sockets of this machine are in TIME_WAIT whose peer listens on a port (proc_pid_net(5)). */
function timeWaitsTo(port: number): number {
  const peer = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , remote, state]) => remote?.endsWith(peer) && state === timeWait).length;
}
