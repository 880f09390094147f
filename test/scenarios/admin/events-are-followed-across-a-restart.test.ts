import assert from 'node:assert/strict';
import { call, main } from '../../cli/call.ts';
import { Child, eventually, freePort, scenario, serveThrough, startCluster } from '../../support/index.ts';

interface Seen {
  readonly id: string;
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

scenario(
  'events --follow goes on after the last event when the tunnel was restarted, and says on standard error what happened',
  async () => {
    await using cluster = await startCluster();
    const port = await freePort();
    const config = { admin: { listen: port }, sentinel: { pollMs: 100 } };
    const admin = `127.0.0.1:${String(port)}`;
    const seen: Seen[] = [];
    const said: string[] = [];
    await using first = await serveThrough(cluster, { config });
    await first.waitFor(({ event }) => event === 'admin.opened');
    await using following = await Child.spawn(
      [
        process.execPath,
        main,
        'events',
        '--follow',
        '--json',
        '--level',
        'debug',
        '--last',
        '100',
        '--admin',
        admin,
      ],
      {
        name: 'events',
        onLine: (line, stream) => {
          if (stream === 'stdout') seen.push(JSON.parse(line) as Seen);
          else said.push(line);
        },
      },
    );
    await eventually(() => seen.some(({ event }) => event === 'tunnel.started'));
    await cluster.failoverAndSettle();
    await eventually(() => seen.some(({ event }) => event === 'failover.story'));
    assert.ok(
      seen.some(({ event }) => event === 'sentinel.announced'),
      'debug is told too',
    );

    await first.stop();
    await eventually(() => said.some((line) => line.includes('Connection lost, retrying: ')));
    const before = seen.length;
    await using second = await serveThrough(cluster, { config });
    await eventually(() => said.includes(`sentinel-tunnel: Connected to ${admin} again`));
    await eventually(() => seen.slice(before).some(({ event }) => event === 'master.serving'));
    assert.equal(seen.slice(before).filter(({ event }) => event === 'tunnel.started').length, 1);
    assert.equal(new Set(seen.map(({ id }) => id)).size, seen.length, 'nothing is told twice');
    assert.equal(said.length, 2, said.join('\n'));

    const pretty = await call(['events', '--admin', admin, '--database', cluster.name, '--last', '2']);
    assert.equal(pretty.code, 0);
    assert.match(pretty.stdout, /^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} (INFO|WARN ) +mymaster: .*\n){2}$/);
    const none = await call(['events', '--admin', admin, '--level', 'error', '--json']);
    assert.deepEqual([none.code, none.stdout], [0, '']);
    // The reader that it writes for has gone: it ends, rather than stay for ever.
    const shell = `"${process.execPath}" "${main}" events --follow --last 1 --admin ${admin} | head -n 1`;
    await using piped = await Child.spawn(['sh', '-c', shell], { name: 'events | head' });
    await eventually(async () => (await call(['events', '--admin', admin])).code === 0 && piped.log() !== '');
    await cluster.failoverAndSettle();
    await eventually(() => piped.exit !== undefined);
    await second.stop();
    assert.equal(following.exit, undefined);
  },
);
