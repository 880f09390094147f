import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  awaitSubscribed,
  eventually,
  lacksProc,
  scenario,
  serveThrough,
  startCluster,
  type RespClient,
} from '../../support/index.ts';

const main = fileURLToPath(new URL('../../../src/main.js', import.meta.url));
const key = 'numbers';
const clientCount = 20;

/** Loaded into the main thread before the program: SIGUSR2 occupies that thread, and no other, until a file is there. */
function occupying(file: string): string {
  const source = `
    import { existsSync } from 'node:fs';
    process.on('SIGUSR2', () => {
      const cell = new Int32Array(new SharedArrayBuffer(4));
      while (!existsSync(${JSON.stringify(file)})) Atomics.wait(cell, 0, 0, 10);
    });`;
  return `data:text/javascript,${encodeURIComponent(source)}`;
}

for (const [engine, told] of [
  ['streams', 'tunnel.stalled'],
  ['epoll', 'tunnel.unsteered'],
  ['io_uring', 'tunnel.unsteered'],
] as const) {
  scenario(
    `${engine}: while the main thread is occupied through a failover nothing is written to the old master`,
    { skip: engine !== 'streams' && lacksProc },
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'sentinel-tunnel-occupied-'));
      const file = join(folder, 'go-on');
      try {
        await using cluster = await startCluster({ replicas: 1 });
        await using tunnel = await serveThrough(cluster, {
          config: { engine, threads: engine === 'epoll' ? 2 : 1 },
          program: [process.execPath, '--import', occupying(file), main],
        });
        await awaitSubscribed(cluster.sentinels);
        const clients: RespClient[] = [];
        try {
          for (let number = 0; number < clientCount; number += 1)
            clients.push(await tunnel.connect(cluster.name));
          await Promise.all(clients.map((client) => client.command('PING')));
          tunnel.signal('SIGUSR2');
          for (const client of clients) await unanswered(client);
          const writes = clients.map((client, number) => client.command('SADD', key, number));
          const settled = Promise.allSettled(writes);
          const promoted = await cluster.failoverAndSettle();
          assert.deepEqual(await cluster.master.command('SMEMBERS', key), []);
          await writeFile(file, '');
          const results = await settled;
          const acknowledged = results.flatMap(({ status }, number) =>
            status === 'fulfilled' ? [number] : [],
          );
          const kept = await promoted.command('SMEMBERS', key);
          assert.ok(Array.isArray(kept));
          assert.deepEqual(
            acknowledged.filter((number) => !kept.includes(String(number))),
            [],
          );
          assert.deepEqual(await cluster.master.command('SMEMBERS', key), []);
          await tunnel.waitFor(({ event }) => event === told);
          await using another = await tunnel.connect(cluster.name);
          assert.equal(await another.command('PING'), 'PONG');
        } finally {
          await Promise.all(clients.map((client) => client.close()));
        }
      } finally {
        await writeFile(file, '').catch(() => undefined);
        await rm(folder, { recursive: true, force: true });
      }
    },
  );
}

/** Waits until a client gets no answer any more. */
async function unanswered(client: RespClient): Promise<void> {
  await eventually(async () => {
    let isAnswered = false;
    const answer = client.command('PING').then(
      () => (isAnswered = true),
      () => undefined,
    );
    await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 200))]);
    return !isAnswered;
  });
}
