import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import {
  ask,
  cannotFillOutput,
  eventually,
  freePort,
  scenario,
  TunnelProcess,
  withUnreadOutput,
} from '../../support/index.ts';

const main = fileURLToPath(new URL('../../../src/main.js', import.meta.url));

/** Loaded before the program: SIGUSR2 throws where nobody catches, and SIGWINCH warns. */
const faulty = `data:text/javascript,${encodeURIComponent(`
  process.on('SIGUSR2', () => { throw new Error('a defect for the test'); });
  process.on('SIGWINCH', () => { process.emitWarning('a warning for the test'); });
`)}`;

async function startFaulty(admin: number, prefix: readonly string[] = []): Promise<TunnelProcess> {
  const tunnel = await TunnelProcess.start({
    config: {
      sentinels: ['127.0.0.1:1'],
      databases: [{ name: 'm', listen: 0 }],
      admin: { listen: admin },
    },
    program: [process.execPath, '--import', faulty, main],
    until: 'spawned',
    prefix,
  });
  await eventually(async () => (await ask(admin, '/livez').catch(() => undefined))?.status === 200);
  return tunnel;
}

scenario(
  'a defect is told on standard error behind the last lines of the log, and ends the process with 1',
  async () => {
    await using tunnel = await startFaulty(await freePort());
    tunnel.signal('SIGWINCH');
    await eventually(() => tunnel.log().includes('a warning for the test'));
    tunnel.signal('SIGUSR2');
    await eventually(() => tunnel.exit !== undefined);
    assert.deepEqual(tunnel.exit, { code: 1, signal: null });
    assert.match(tunnel.log(), /Error: a defect for the test\n\s+at /);
  },
);

scenario(
  'a defect ends the process although nobody reads the terminal where it is told',
  { skip: cannotFillOutput },
  async () => {
    const admin = await freePort();
    await using tunnel = await startFaulty(admin, withUnreadOutput('terminal'));
    tunnel.signal('SIGWINCH');
    for (let count = 0; count < 3; count += 1) assert.equal((await ask(admin, '/livez')).status, 200);
    tunnel.signal('SIGUSR2');
    await eventually(() => tunnel.exit !== undefined);
    assert.deepEqual(tunnel.exit, { code: 1, signal: null });
  },
);
