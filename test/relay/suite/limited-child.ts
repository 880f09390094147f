/** An engine with one tunnel that prints what it tells, for tests that limit what its process may have. */
import type { OpenEngine } from './rig.ts';

const [module = '', upstreamPort = ''] = process.argv.slice(2);
const { openEngine } = (await import(module)) as { openEngine: OpenEngine };
const engine = await openEngine();

const tunnel = await engine.open(
  {
    name: 'limited',
    listen: [
      {
        address: { kind: 'tcp', host: '127.0.0.1', port: 0 },
        allow: [],
        allowReplication: false,
        mode: undefined,
        owner: undefined,
      },
    ],
    holdMs: 60_000,
    holdMax: 1024,
    dialMs: 60_000,
    maxConnections: 10_000,
    idleMs: 0,
    reportsSessions: false,
  },
  (event) => {
    console.log(JSON.stringify(event));
  },
);
const endpoint = { host: '127.0.0.1', port: Number(upstreamPort) };
tunnel.apply({ kind: 'steer', route: { kind: 'serve', generation: 1, endpoint } });
const [address] = tunnel.listening;
console.log(JSON.stringify({ port: address?.kind === 'tcp' && address.port }));
setInterval(() => {
  console.log(JSON.stringify({ counters: tunnel.counters() }));
}, 100);
