import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { call, main } from '../../cli/call.ts';
import {
  awaitSubscribed,
  cannotShow,
  clusterScenario,
  eventually,
  eventuallyPasses,
  Screen,
  Writer,
} from '../../support/index.ts';

const terminal = fileURLToPath(new URL('../../../src/cli/terminal.js', import.meta.url));
const node = process.execPath;

/** That the screen is as it was before the program: no full screen, a cursor, and a shell that echoes. */
async function assertGivenBack(screen: Screen, word: string): Promise<void> {
  await eventually(async () => {
    const { isTaken, hasCursor } = await screen.state();
    // The shell has its turn again: it prompts.
    return !isTaken && hasCursor && /(^|\n)[$#]\s*$/.test(await screen.text());
  });
  await screen.type(`echo ${word}-$?; stty -a | tr ';' '\\n' | grep -o -w -e '-\\?icanon' -e '-\\?echo'`);
  const text = await eventually(async () => {
    const seen = await screen.text();
    return new RegExp(`^${word}-\\d+\n`, 'm').test(seen) && /^-?echo$/m.test(seen) && seen;
  });
  assert.match(text, new RegExp(`^[$#] echo ${word}`, 'm'), 'what is typed is seen');
  assert.match(text, /^icanon$/m);
  assert.match(text, /^echo$/m);
}

clusterScenario(
  'top shows rates, a failover as a bar of time and the events in a terminal of 80 by 24, and gives it back',
  { skip: cannotShow, tunnel: { config: { admin: { listen: 0 } } } },
  async ({ cluster, tunnel }) => {
    await tunnel.waitFor(({ event }) => event === 'admin.opened');
    const admin = `127.0.0.1:${String(tunnel.adminPort)}`;
    await using writer = new Writer(tunnel.port(cluster.name), 'written');
    await using screen = await Screen.open(80, 24);
    await screen.type(`${node} ${main} top --admin ${admin} --interval 0.2`);
    await eventuallyPasses(async () => {
      const busy = await screen.text();
      assert.match(busy, /^mymaster +serving +\S+ +1 +0 +[\d.]+ +[\d.]+ k?B +[\d.]+ k?B$/m);
      assert.match(busy, /^Sentinel Tunnel \S+ at 127\.0\.0\.1:\d+, up .*\nREADY\n/);
      for (const seed of cluster.seeds)
        assert.match(busy, new RegExp(`^${seed} +up +[\\d.]+ ms +.* agrees$`, 'm'));
      assert.match(busy, /^EVENTS\n/m);
      assert.match(busy, /^q quit, a look every 200 ms$/m);
    });
    assert.deepEqual(await screen.state(), { isTaken: true, hasCursor: false });

    await awaitSubscribed(cluster.sentinels);
    const promoted = await cluster.failoverAndSettle();
    await tunnel.waitFor(({ event }) => event === 'failover.story');
    await eventuallyPasses(async () => {
      const moved = await screen.text();
      assert.match(
        moved,
        new RegExp(
          `^LAST FAILOVER mymaster \\d\\d:\\d\\d:\\d\\d \\S+ -> 127\\.0\\.0\\.1:${promoted.port}, 1 cut`,
          'm',
        ),
      );
      const bar = /^\|(.*)\|$/m.exec(moved)?.[1] ?? '';
      assert.equal(bar.length, 78);
      assert.match(bar, /^F=*P?=*S?.*C$/);
      assert.match(moved, /^F fenced \d+ {2}P promoted \d+ {2}S served \d+ .*C confirmed \d+ ms$/m);
      assert.match(moved, /^\d\d:\d\d:\d\d\.\d{3} INFO  mymaster: moved from/m);
      for (const line of await screen.lines()) assert.ok(line.length <= 80, line);
    });

    await screen.resize(50, 12);
    await eventuallyPasses(async () => {
      const small = await screen.lines();
      assert.equal(small.length, 12);
      assert.ok(small.at(-1)?.startsWith('q quit'));
      assert.ok(small.every((line) => line.length <= 50));
      assert.ok(small.some((line) => line.startsWith('mymaster')));
    });
    await screen.press('q');
    await assertGivenBack(screen, 'quit');
    await writer.stop();
  },
);

clusterScenario(
  'top gives the terminal back when it is ended by a signal, by ^C, and by a defect; without one it shows one frame',
  { skip: cannotShow, cluster: { replicas: 0, sentinels: 1 }, tunnel: { config: { admin: { listen: 0 } } } },
  async ({ tunnel }) => {
    await tunnel.waitFor(({ event }) => event === 'admin.opened');
    const command = `${node} ${main} top --admin 127.0.0.1:${String(tunnel.adminPort)}`;
    await using screen = await Screen.open(100, 30, { NO_COLOR: '1' });
    const isTaken = async (): Promise<boolean> => (await screen.state()).isTaken;

    await screen.type(command);
    await eventually(isTaken);
    await eventually(async () => (await screen.text()).includes('READY'));
    assert.doesNotMatch((await screen.lines(true)).join('\n'), /\u001b\[\d+m/, 'NO_COLOR is honoured');
    await screen.press('C-c');
    await assertGivenBack(screen, 'interrupted');

    const pidFile = join(tunnel.dir, 'pid');
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      await screen.type(`clear; sh -c 'echo $$ > ${pidFile}; exec ${command}'`);
      await eventually(isTaken);
      process.kill(Number(await readFile(pidFile, 'utf8')), signal);
      await assertGivenBack(screen, signal.toLowerCase());
    }

    const defect = `import('${terminal}').then(({ terminalOf }) => { terminalOf(process).takeOver(() => { throw new Error('a def' + 'ect') }, () => {}); })`;
    await screen.type(`clear; ${node} -e "${defect}"`);
    await eventually(isTaken);
    await screen.press('x');
    await assertGivenBack(screen, 'crashed');
    assert.match(await screen.text(), /Error: a defect/, 'it is not lost with the screen');

    await screen.type(
      `clear; TERM=dumb ${command} --interval 0.1 > /tmp/none-$$; echo piped-$?; rm /tmp/none-$$`,
    );
    await eventually(async () => (await screen.text()).includes('piped-0'));
    const piped = await call([
      'top',
      '--admin',
      `127.0.0.1:${String(tunnel.adminPort)}`,
      '--interval',
      '0.1',
    ]);
    assert.equal(piped.code, 0);
    assert.match(piped.stderr, /Not a terminal, so this is one look/);
    assert.match(piped.stdout, /^mymaster +serving +\S+ +0 +0 +0\.0 +\d+ B +\d+ B$/m);
    assert.match(piped.stdout, /^\d\d:\d\d:\d\d\.\d{3} INFO +Sentinel Tunnel \S+ started/m);

    await screen.type(`clear; ${command} --interval 0.2`);
    await eventually(async () => (await screen.text()).includes('READY'));
    await tunnel.stop();
    await eventually(async () => /^OUT OF TOUCH for .*: No tunnel answers/m.test(await screen.text()));
    await screen.press('q');
    await assertGivenBack(screen, 'alone');
  },
);
