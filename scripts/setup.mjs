// Makes a fresh clone able to run: npm packages, and the servers that the demo and the tests start.
// Plain JavaScript without packages, since none may be installed yet. Says nothing when there is nothing to do.
//
//   node scripts/setup.mjs            npm packages and redis-server
//   node scripts/setup.mjs --peers    and the clients and proxies that some tests and benchmarks use; those that
//                                     cannot be installed are left out, and their tests are skipped
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, lstatSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const peersTried = join(root, 'node_modules', '.peers-tried');
const policy = '/usr/sbin/policy-rc.d';
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];

const peers = [
  { package: 'python3', isThere: () => has('python3') },
  {
    package: 'python3-redis',
    isThere: () => ['/usr/bin/python3', 'python3'].some((python) => succeeds(python, ['-c', 'import redis'])),
  },
  { package: 'php-cli', isThere: () => has('php') },
  {
    package: 'php-redis',
    isThere: () => has('php') && succeeds('php', ['-r', 'exit((int) !extension_loaded("redis"));']),
  },
  { package: 'haproxy', isThere: () => has('haproxy') },
  { package: 'prometheus', isThere: () => has('promtool') },
  { package: 'chromium', isThere: () => existsSync('/usr/bin/chromium') },
  { package: 'nginx', isThere: () => has('nginx') },
  { package: 'tmux', isThere: () => has('tmux') },
  {
    package: 'libnginx-mod-stream',
    isThere: () => existsSync('/usr/share/nginx/modules-available/mod-stream.conf'),
  },
];

checkNode();
installPackages();
installRedis();
if (process.argv.includes('--peers')) installPeers();

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  fail(`Node ${process.versions.node} is too old: install Node 20.19 or newer`);
}

function installPackages() {
  const modules = join(root, 'node_modules');
  // A link is shared with another checkout, which looks after it.
  if (lstatSync(modules, { throwIfNoEntry: false })?.isSymbolicLink()) return;
  const locked = readPackages(join(root, 'package-lock.json'));
  if (locked && isInstalled(locked, readPackages(join(modules, '.package-lock.json')))) return;
  const command = locked ? 'ci' : 'install';
  say(`Installing npm packages (npm ${command})`);
  const npm = process.env['npm_execpath'];
  const args = [command, '--include=dev', '--no-audit', '--no-fund'];
  const done = npm ? run(process.execPath, [npm, ...args]) : run('npm', args);
  if (!done) fail(`Cannot install the npm packages: npm ${command} failed`);
}

function readPackages(file) {
  if (!existsSync(file)) return undefined;
  return JSON.parse(readFileSync(file, 'utf8')).packages;
}

/** Optional packages may be missing: most are for other platforms. */
function isInstalled(locked, installed) {
  if (!installed) return false;
  return Object.entries(locked).every(([path, { version, optional, link }]) => {
    if (path === '' || link) return true;
    const found = installed[path];
    return found ? found.version === version : Boolean(optional);
  });
}

function installRedis() {
  if (has('redis-server') && has('redis-cli')) return;
  if (canUseApt()) aptInstall(['redis-server']);
  else if (has('brew')) {
    say('Installing redis (brew)');
    run('brew', ['install', 'redis']);
  }
  if (has('redis-server') && has('redis-cli')) return;
  fail(
    'redis-server is missing: run "sudo apt-get install redis-server" (Debian, Ubuntu) or "brew install redis"',
  );
}

function installPeers() {
  const missing = peers.filter((peer) => !peer.isThere()).map((peer) => peer.package);
  if (missing.length === 0 || existsSync(peersTried)) return;
  if (canUseApt()) aptInstall(missing);
  const left = peers.filter((peer) => !peer.isThere()).map((peer) => peer.package);
  if (left.length === 0) return;
  say(`Not installed, so tests that need them are skipped: ${left.join(', ')}`);
  writeFileSync(peersTried, `${left.join('\n')}\n`);
}

function canUseApt() {
  return process.getuid?.() === 0 && has('apt-get') && has('dpkg');
}

/** Installs without starting any service: one on the standard port would be in the way of its owner. */
function aptInstall(packages) {
  say(`Installing ${packages.join(', ')} (apt-get)`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const forbids = !existsSync(policy);
  // A signal must not end this process before the policy is taken away again.
  const ignore = () => undefined;
  for (const signal of signals) process.on(signal, ignore);
  try {
    // RUNLEVEL is not enough under systemd: deb-systemd-invoke only asks the policy (101: not allowed).
    if (forbids) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
    run('apt-get', ['update', '-qq'], env);
    const install = ['install', '-y', '-qq', '--no-install-recommends'];
    // One that the distribution does not have must not keep the others away.
    if (run('apt-get', [...install, ...packages], env) || packages.length === 1) return;
    for (const name of packages) run('apt-get', [...install, name], env);
  } finally {
    if (forbids) rmSync(policy, { force: true });
    for (const signal of signals) process.off(signal, ignore);
  }
}

/** What programs print while they install would bury what matters: it is shown only when they fail. */
function run(file, args, env = process.env) {
  const { status, error, stdout, stderr } = spawnSync(file, args, { cwd: root, env, encoding: 'utf8' });
  if (status === 0) return true;
  process.stderr.write(
    `${file} ${args.join(' ')} failed${error ? `: ${error.message}` : ''}\n${stdout ?? ''}${stderr ?? ''}`,
  );
  return false;
}

function succeeds(file, args) {
  return spawnSync(file, args, { stdio: 'ignore' }).status === 0;
}

function has(program) {
  const usual = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
  return [...(process.env['PATH'] ?? '').split(delimiter), ...usual].some((dir) => {
    try {
      accessSync(join(dir, program), constants.X_OK);
      return true;
    } catch {
      return false; // not here: the next directory
    }
  });
}

function say(text) {
  process.stderr.write(`${text}\n`);
}

function fail(text) {
  say(text);
  process.exit(1);
}
