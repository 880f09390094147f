import assert from 'node:assert/strict';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Status } from '../../../src/admin/status.ts';
import type { FailoverRecord } from '../../../src/tunnel/failover-record.ts';
import { assertNoTrace, call, inFolder } from '../../cli/call.ts';
import {
  awaitSubscribed,
  clusterScenario,
  eventually,
  eventuallyPasses,
  scenario,
  serveThrough,
  startCluster,
} from '../../support/index.ts';

const token = 'a-token-of-the-tests';

clusterScenario(
  'status tells who is master, who says so, and by its exit code whether all is well: before, during and after a failover',
  {
    cluster: { downAfterMs: 3000 },
    tunnel: {
      config: { admin: { listen: 0, token }, sentinel: { pollMs: 100 } },
    },
  },
  async ({ cluster, tunnel }) => {
    await tunnel.waitFor(({ event }) => event === 'admin.opened');
    const env = {
      SENTINEL_TUNNEL_ADMIN: `127.0.0.1:${String(tunnel.adminPort)}`,
      SENTINEL_TUNNEL_ADMIN_TOKEN: token,
    };
    await using client = await tunnel.connect(cluster.name);
    await client.command('SET', 'key', 'value');
    const master = cluster.master;

    await awaitSubscribed(cluster.sentinels);
    const before = await eventually(async () => {
      const called = await call(['status'], env);
      const heard = called.stdout.match(/^\S+ +up \S+ ms +heard /gm) ?? [];
      return heard.length === cluster.seeds.length && called;
    });
    assert.equal(before.code, 0, before.stderr);
    assert.match(
      before.stdout,
      new RegExp(`^Sentinel Tunnel \\S+ at 127\\.0\\.0\\.1:\\d+, up .*, engine .*\nREADY\n`),
    );
    assert.match(
      before.stdout,
      new RegExp(`mymaster  SERVING 127\\.0\\.0\\.1:${master.port}, confirmed by Sentinel`),
    );
    assert.match(before.stdout, new RegExp(`listens +127\\.0\\.0\\.1:${tunnel.port(cluster.name)}\n`));
    assert.match(before.stdout, /sessions +1 open, 0 held, 1 since the start/);
    assert.match(before.stdout, /failover +none seen/);
    for (const seed of cluster.seeds) {
      assert.match(
        before.stdout,
        new RegExp(`^${seed} +up \\S+ ms +heard +\\d+ .*ago +127\\.0\\.0\\.1:${master.port}, epoch 0$`, 'm'),
      );
    }
    const json = await call(['status', '--json', cluster.name], env);
    const status = JSON.parse(json.stdout) as Status;
    assert.deepEqual([json.code, status.version, status.databases[0]?.phase], [0, 1, 'serving']);
    assert.match((await call(['failovers'], env)).stdout, /^No failover has been seen\n$/);

    // The master is gone, and with it every reason to say that all is well.
    await cluster.kill(master);
    const during = await eventually(async () => {
      const called = await call(['status', cluster.name], env);
      return called.code === 1 && called;
    });
    assert.match(during.stdout, /^NOT READY: mymaster\n\nmymaster {2}(LOST|FENCED): .*clients wait$/m);
    assert.match(during.stdout, /^ {2}because +\S+/m);

    await tunnel.waitFor(({ event }) => event === 'failover.story');
    const after = await eventually(async () => {
      const called = await call(['status'], env);
      return called.code === 0 && called;
    });
    assert.doesNotMatch(after.stdout, new RegExp(`SERVING 127\\.0\\.0\\.1:${master.port}`));
    assert.match(
      after.stdout,
      new RegExp(
        `failover +\\S+ 127\\.0\\.0\\.1:${master.port} -> 127\\.0\\.0\\.1:\\d+, not served for [\\d.]+ ms, `,
      ),
    );
    const told = await call(['failovers', cluster.name, '--last', '1'], env);
    assert.match(
      told.stdout,
      /^\S+ mymaster moved from \S+ to \S+, generation \d+\n {2}because .*\n {2}\d+ cut, \d+ held; .*served [\d.]+ ms/,
    );
    assert.match(told.stdout, /^ +[\d.]+ ms {2}tunnel +/m);
    const stories = JSON.parse((await call(['failovers', '--json'], env)).stdout) as FailoverRecord[];
    assert.deepEqual([stories.length, stories[0]?.database], [1, cluster.name]);

    // A Sentinel that is gone is said in words.
    await cluster.kill(cluster.sentinel(0));
    await eventuallyPasses(async () => {
      const { stdout } = await call(['status'], env);
      assert.match(stdout, new RegExp(`^${cluster.seeds[0] ?? ''} +DOWN +.* NO ANSWER: `, 'm'));
    });

    const unknown = await call(['status', 'nosuch'], env);
    assert.deepEqual([unknown.code, unknown.stdout], [2, '']);
    assert.match(unknown.stderr, /No database "nosuch", expected one of "mymaster"/);
  },
);

scenario(
  'a tunnel is found by its configuration, on a unix socket too; without its token or without it the command says what to do',
  async () => {
    await inFolder(async (dir) => {
      await using cluster = await startCluster({ replicas: 0, sentinels: 1 });
      const socket = join(dir, 'admin.sock');
      const tokenFile = join(dir, 'token');
      await writeFile(tokenFile, `${token}\n`);
      const admin = { listen: `unix:${socket}`, tokenFile };
      await using tunnel = await serveThrough(cluster, { config: { admin } });
      await tunnel.waitFor(({ event }) => event === 'admin.opened');
      const file = tunnel.configFile;
      for (const [args, env] of [
        [['--config', file], {}],
        [[], { SENTINEL_TUNNEL_CONFIG: file }],
        [['--admin', `unix:${socket}`, '--token-file', tokenFile], {}],
        [['--admin', `unix:${socket}`, '--config', file], {}],
      ] as const) {
        const called = await call(['status', ...args], env);
        assert.equal(called.code, 0, `${args.join(' ')}: ${called.stderr}`);
        assert.match(called.stdout, /^READY$/m);
      }
      // A name that is in the configuration, and its file gone: health needs no token, the others do.
      await rename(tokenFile, `${tokenFile}.away`);
      assert.equal((await call(['health', '--config', file])).code, 0);
      const mistaken: readonly (readonly [readonly string[], Record<string, string>, RegExp])[] = [
        [['--config', file], {}, /"admin.tokenFile" of ".*": cannot read ".*": no such file/],
        [['--admin', `unix:${socket}`], {}, /unix:.* wants a token: give the token by --token-file/],
        [
          ['--admin', `unix:${socket}`],
          { SENTINEL_TUNNEL_ADMIN_TOKEN: 'another-token-than-that' },
          /wants a token: the token that was given is another one/,
        ],
        [
          ['--admin', `unix:${socket}`],
          { SENTINEL_TUNNEL_ADMIN_TOKEN: 'with\nbreak' },
          /SENTINEL_TUNNEL_ADMIN_TOKEN: expected a token of printable characters/,
        ],
      ];
      for (const [args, env, said] of mistaken) {
        const called = await call(['status', ...args], env);
        assert.equal(called.code, 2, called.stderr);
        assert.match(called.stderr, said);
        assert.doesNotMatch(called.stderr, new RegExp(`${token}|another-token`));
        assertNoTrace(called);
      }
      await tunnel.stop();
      for (const command of [
        ['status'],
        ['top'],
        ['events', '--follow'],
        ['failovers'],
        ['cut', 'mymaster'],
      ]) {
        const called = await call([...command, '--admin', `unix:${socket}`]);
        assert.equal(called.code, 4, command.join(' '));
        assert.match(
          called.stderr,
          /No tunnel answers at unix:.* \(ENOENT\): is it running with an admin listener\?/,
        );
        assertNoTrace(called);
      }
    });
  },
);
