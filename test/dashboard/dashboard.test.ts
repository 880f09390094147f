import assert from 'node:assert/strict';
import { after, before, describe, test, type TestContext } from 'node:test';
import {
  ask,
  cannotBrowse,
  eventually,
  failoverMs,
  freePort,
  startBrowser,
  startCluster,
  Tab,
  TunnelProcess,
  Writer,
  type Browser,
  type Cluster,
} from '../support/index.ts';
import type { DatabaseHistory } from '../../src/admin/history.ts';
import {
  courseOf,
  focused,
  inTheWay,
  poorContrasts,
  textsInTheWay,
  tooWide,
  watchPhases,
  watchTexts,
} from './page-checks.ts';

/** On a machine that is busy with other tests everything takes longer; the usual figure is printed. */
const generousMs = 20_000;
const mostBytes = 150_000;
/** Of these one has to have a name for whoever does not see it. */
const namedRoles = new Set([
  'button',
  'radio',
  'combobox',
  'textbox',
  'link',
  'region',
  'image',
  'DisclosureTriangle',
]);

describe('the dashboard', { skip: cannotBrowse }, () => {
  let cluster: Cluster;
  let tunnel: TunnelProcess;
  let browser: Browser;
  let tab: Tab;

  before(async () => {
    [cluster, browser] = await Promise.all([startCluster({ downAfterMs: 2000 }), startBrowser()]);
    tunnel = await startTunnel(cluster, { listen: '127.0.0.1:0' });
    const page = await ask(tunnel.adminPort, '/');
    assert.equal(page.status, 200, 'there is no dashboard: run "npm run build:dashboard" first');
    tab = await Tab.open(browser, urlOf(tunnel));
    await tab.page.locator('#phase[data-phase="serving"]').waitFor();
  });
  after(async () => {
    await browser.close();
    await tunnel[Symbol.asyncDispose]();
    await cluster[Symbol.asyncDispose]();
  });

  test('is small, and loads nothing from elsewhere', async (context) => {
    let bytes = 0;
    tab.devTools.on('Network.loadingFinished', ({ encodedDataLength }: { encodedDataLength: number }) => {
      bytes += encodedDataLength;
    });
    await tab.devTools.send('Network.enable');
    await tab.page.reload();
    await tab.page.locator('#phase[data-phase="serving"]').waitFor();
    await eventually(() => bytes > 20_000);
    context.diagnostic(`over the wire: ${String(bytes)} bytes`);
    assert.ok(bytes < mostBytes, String(bytes));
    const origin = new URL(urlOf(tunnel)).origin;
    assert.deepEqual(
      tab.requests.filter((url) => new URL(url).origin !== origin),
      [],
    );
  });

  test('shows the served master, and whether Sentinel confirmed it', async () => {
    const { host, port } = cluster.master;
    await eventually(async () =>
      (await tab.text('#phase-sentence')).startsWith('Confirmed: all 3 Sentinels'),
    );
    assert.equal(await tab.text('#fact-master'), `${host}:${port}`);
    assert.equal(await tab.text('#phase-word'), 'Serving');
    await eventually(
      async () => (await tab.page.locator('#sentinel-rows tr[data-tone="good"]').count()) === 3,
    );
    const told = await tab.text('#map-description');
    assert.ok(told.includes(`Applications are connected to ${host}:${port}, the master of mymaster.`), told);
    await eventually(async () => {
      const picture = await tab.text('#map-description');
      return cluster.replicas.every((replica) => picture.includes(`${host}:${replica.port}: replica.`));
    });
    assert.equal(await tab.page.title(), 'Serving: mymaster – Sentinel Tunnel');
  });

  test('shows what was refused and cut, and on a narrow screen events before plots', async () => {
    assert.equal(await tab.text('#map-heading'), 'Topology');
    assert.equal(await tab.text('#fact-refused'), '0');
    assert.equal(await tab.text('#fact-cut'), '0');
    assert.equal(await tab.text('#fact-failover'), 'none');
    await tab.page.setViewportSize({ width: 400, height: 800 });
    assert.ok((await topOf(tab, '#events')) < (await topOf(tab, '#throughput')));
    await tab.page.setViewportSize({ width: 1300, height: 800 });
    assert.ok((await topOf(tab, '#events')) > (await topOf(tab, '#throughput')));
  });

  test('shows sessions and bytes as they come', async () => {
    await using client = await tunnel.connect('mymaster');
    await eventually(async () => {
      await client.command('SET', 'key', 'x'.repeat(10_000));
      return /^[1-9]/.test(await tab.text('#fact-upstream'));
    });
    assert.equal(await tab.text('#fact-open'), '1');
    assert.match(await tab.text('#sessions-numbers td'), /^1$/);
  });

  test('has a name for every control, and enough contrast and no overflow on every screen', async (context) => {
    const { nodes } = (await tab.devTools.send('Accessibility.getFullAXTree')) as {
      nodes: readonly AxNode[];
    };
    const named = nodes.filter(({ ignored, role }) => !ignored && namedRoles.has(role?.value ?? ''));
    assert.ok(named.length > 15, String(named.length));
    assert.deepEqual(
      named.filter(({ name }) => !name?.value).map(({ role }) => role?.value),
      [],
    );
    for (const role of ['banner', 'main'])
      assert.ok(
        nodes.some((node) => node.role?.value === role),
        role,
      );
    for (const colorScheme of ['light', 'dark'] as const) {
      await tab.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      const { checked, poor } = (await tab.page.evaluate(poorContrasts)) as {
        checked: number;
        poor: string[];
      };
      context.diagnostic(`${colorScheme}: ${String(checked)} texts`);
      assert.ok(checked > 60, String(checked));
      assert.deepEqual(poor, [], colorScheme);
    }
    for (const [width, height] of [
      [320, 640],
      [400, 800],
      [1280, 800],
      [1920, 1080],
      [2560, 1440],
    ] as const) {
      await tab.page.setViewportSize({ width, height });
      assert.equal(await tab.page.evaluate(tooWide), 0, `${width} px`);
      // Drawn again once its card has got its width.
      await eventually(async () => ((await tab.page.evaluate(inTheWay)) as unknown[]).length === 0);
      assert.deepEqual(await tab.page.evaluate(textsInTheWay), [], `${width} px`);
    }
    await tab.page.setViewportSize({ width: 1280, height: 800 });
  });

  test('applies the chosen theme, and keeps it', async () => {
    const ground = (): Promise<unknown> =>
      tab.page.evaluate('getComputedStyle(document.body.parentElement).backgroundColor');
    await tab.page.emulateMedia({ colorScheme: 'light' });
    const light = await ground();
    await tab.page.locator('#theme').click();
    await tab.page.locator('#theme').click();
    assert.equal(await tab.text('#theme'), 'Theme: dark');
    assert.notEqual(await ground(), light);
    await tab.page.reload();
    await tab.page.locator('#phase[data-phase="serving"]').waitFor();
    assert.equal(await tab.text('#theme'), 'Theme: dark');
    await tab.page.locator('#theme').click();
    assert.equal(await ground(), light);
  });

  test('shows a failover while it happens, and its course afterwards', async (context) => {
    await using writer = new Writer(tunnel.port('mymaster'), 'written');
    await tab.page.evaluate(watchPhases);
    await eventually(() => isWriting(tunnel, 6));
    const before = cluster.master;
    await using narrow = await Tab.open(browser, urlOf(tunnel), 400);
    await narrow.page.locator('#phase[data-phase="serving"]').waitFor();
    await narrow.page.evaluate(watchTexts);
    await cluster.kill(before);
    await tab.page.locator('#phase:not([data-phase="serving"])').waitFor();
    await tab.page.locator('#failover-now').waitFor();
    assert.ok((await topOf(tab, '#failovers')) < (await topOf(tab, '#map')), 'what happens now is on top');
    await tab.page.locator('#phase[data-phase="serving"]').waitFor({ timeout: failoverMs });
    await reportDelays(context, tunnel, tab);
    await tab.page.locator('#failover-picture .flag').first().waitFor({ timeout: failoverMs });
    await tab.page.locator('#failover-now').waitFor({ state: 'hidden' });
    assert.match(
      await tab.text('#failover-course'),
      new RegExp(`^Moved from ${before.host}:${before.port} to `),
    );
    assert.match(await tab.text('#failover-facts .nothing'), /^Not served for[\d.]+ m?s$/);
    assert.notEqual(await tab.text('#fact-master'), `${before.host}:${before.port}`);
    assert.equal(await tab.page.locator('#failover-picture .span.nothing').count(), 1);
    const { words, troubles } = (await narrow.page.evaluate('window.told')) as {
      words: string[];
      troubles: string[];
    };
    assert.ok(
      words.some((word) => word.endsWith(': down')),
      words.join(),
    );
    assert.deepEqual(troubles, []);
    const lines = await tab.page.locator('#failover-lines tr').count();
    assert.ok(lines > 8, String(lines));
    const points = await tab.page.locator('#failover-picture .point').count();
    assert.ok(points > 8 && points <= lines, String(points));
    assert.match(await tab.text('#event-list'), /fenced, generation/);
    assert.ok(writer.errors.length > 0, 'the session to the dead master has broken');
    assert.notEqual(await tab.text('#fact-failover'), 'none');
    await eventually(() => isWriting(tunnel, 6));
    // As with names of hosts in place of addresses.
    await tab.page.evaluate(
      `document.querySelector('#failover-choice').append(new Option('to ' + 'a-long-host-name.'.repeat(8)))`,
    );
    for (const width of [320, 400]) {
      await tab.page.setViewportSize({ width, height: 800 });
      assert.equal(await tab.page.evaluate(tooWide), 0, `${width} px after a failover`);
    }
    await tab.page.setViewportSize({ width: 1280, height: 800 });
  });

  test('shows the failover to somebody who opens the page afterwards, too', async () => {
    await using later = await Tab.open(browser, urlOf(tunnel), 2400);
    await later.page.locator('#phase[data-phase="serving"]').waitFor();
    await eventually(async () => {
      const course = (await later.page.evaluate(courseOf('sessions-plot'))) as number[];
      const zero = Math.min(...course);
      const isHigh = (height: number): boolean => height > zero + 0.1;
      const [first, last] = [course.findIndex(isHigh), course.findLastIndex(isHigh)];
      return course.slice(first, last).some((height) => height < zero + 0.02);
    });
    assert.doesNotMatch(await later.text('#throughput-numbers td:last-child'), /^(0 B\/s|–)$/);
    assert.deepEqual(later.complaints, []);
  });

  test('is walked through with the keyboard alone', async () => {
    const { page } = tab;
    await page.reload();
    await page.locator('#failover-picture .point').first().waitFor();
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(focused), 'skip');
    const passed: unknown[] = [];
    while (passed.at(-1) !== 'BODY' && passed.length < 30) {
      await page.keyboard.press('Tab');
      passed.push(await page.evaluate(focused));
    }
    for (const stop of ['theme', 'failover-choice', 'failover', 'info', 'event-pause'])
      assert.ok(passed.includes(stop), stop);
    await page.locator('#failover-picture .point[tabindex="0"]').focus();
    const first = await tab.text('#failover-said');
    assert.match(first, /^−?[\d.]+ ms, \S+: /);
    await page.keyboard.press('ArrowRight');
    assert.notEqual(await tab.text('#failover-said'), first);
    await page.keyboard.press('End');
    await page.keyboard.press('Home');
    assert.equal(await tab.text('#failover-said'), first);
    await page.locator('#failover-zoom input[value="failover"]').focus();
    await page.keyboard.press('ArrowRight');
    assert.equal(await page.locator('#failover-zoom input[value="window"]:checked').count(), 1);
    await page.locator('#event-levels input[value="info"]').focus();
    await page.keyboard.press('ArrowRight');
    await eventually(async () => (await page.locator('#event-list li.info').count()) === 0);
    assert.ok((await page.locator('#event-list li.warn').count()) > 0);
    await page.locator('#event-pause').focus();
    await page.keyboard.press('Enter');
    assert.equal(await tab.text('#event-pause'), 'Paused');
  });

  test('has logged no error so far', () => {
    assert.deepEqual(tab.complaints, []);
  });

  test('reports a suspended tunnel as disconnected, and recovers', async () => {
    tunnel.freeze();
    await tab.page.locator('#lost').waitFor({ timeout: failoverMs });
    assert.match(await tab.text('#lost'), /Disconnected from the tunnel\s+since \d\d:\d\d:\d\d/);
    assert.match(await tab.text('#phase-for'), /^as of \d\d:\d\d:\d\d/);
    assert.match(await tab.page.title(), /^Disconnected/);
    tunnel.thaw();
    await tab.page.locator('#lost').waitFor({ state: 'hidden', timeout: 30_000 });
    await eventually(async () => (await tab.text('#touch')) === 'Live');
  });

  test('asks for the token, and reconnects to a restarted tunnel', async () => {
    const adminPort = await freePort();
    const first = await startTunnel(cluster, { listen: `127.0.0.1:${adminPort}`, token });
    await using other = await Tab.open(browser, urlOf(first), 400);
    await other.page.locator('#lock').waitFor();
    assert.equal(await other.page.locator('#board').isVisible(), false);
    await other.page.locator('#token').fill('wrong');
    await other.page.keyboard.press('Enter');
    await other.page.locator('#lock-wrong').waitFor();
    await other.page.locator('#token').fill(token);
    await other.page.keyboard.press('Enter');
    await other.page.locator('#event-list li').first().waitFor();
    assert.equal(await other.page.evaluate(tooWide), 0);
    await first[Symbol.asyncDispose]();
    await other.page.locator('#lost').waitFor();
    await using again = await startTunnel(cluster, { listen: `127.0.0.1:${adminPort}`, token });
    await other.page.locator('#lost').waitFor({ state: 'hidden', timeout: 30_000 });
    await other.page.locator('#phase[data-phase="serving"]').waitFor();
    assert.equal(again.exit, undefined);
  });
});

const token = 'a-token-of-the-test';

interface AxNode {
  readonly ignored: boolean;
  readonly role?: { readonly value: string };
  readonly name?: { readonly value: string };
}

async function startTunnel({ seeds }: Cluster, admin: object): Promise<TunnelProcess> {
  const databases = [{ name: 'mymaster', listen: '127.0.0.1:0' }];
  const tunnel = await TunnelProcess.start({ config: { sentinels: seeds, databases, admin } });
  await tunnel.waitFor(({ event }) => event === 'admin.opened');
  return tunnel;
}

function urlOf({ adminPort }: TunnelProcess): string {
  return `http://127.0.0.1:${String(adminPort)}/`;
}

/** Whether the latest samples of the tunnel, so many, have bytes in each of them. */
async function isWriting({ adminPort }: TunnelProcess, samples: number): Promise<boolean> {
  const { upstreamBytes } = (await ask(adminPort, '/history?database=mymaster')).json() as DatabaseHistory;
  const latest = upstreamBytes.slice(-samples - 1).map(Number);
  return latest.length > samples && latest.every((bytes, index) => bytes > (latest[index - 1] ?? -1));
}

/** How long after the tunnel had logged a change of phase the page showed it. */
async function reportDelays(context: TestContext, tunnel: TunnelProcess, tab: Tab): Promise<void> {
  const shown = (await tab.page.evaluate('window.shown')) as { phase: string; at: number }[];
  assert.ok(shown.length >= 2, JSON.stringify(shown));
  for (const { phase, at } of shown) {
    const logged = tunnel
      .events()
      .filter(({ event }) => event === `master.${phase}`)
      .map(({ time }) => Date.parse(String(time)))
      .filter((time) => time <= at + 5);
    const delayMs = at - Math.max(...logged);
    context.diagnostic(`"${phase}" is shown ${delayMs.toFixed(0)} ms after it was logged`);
    assert.ok(delayMs < generousMs, `${phase} ${String(delayMs)}`);
  }
}

/** How far down an element begins, in pixels. */
async function topOf(tab: Tab, selector: string): Promise<number> {
  return Number(await tab.page.evaluate(`document.querySelector('${selector}').getBoundingClientRect().top`));
}
