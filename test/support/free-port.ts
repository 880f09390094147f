import { once } from 'node:events';
import { createServer, type ListenOptions, type Server } from 'node:net';
import process from 'node:process';

const [lowest, highest] = [10_000, 31_999];
const held = new Set<string>();
let next = lowest + Math.floor(Math.random() * (highest - lowest));

/**
 * A TCP port of loopback on which nobody listens now, and which no other test is given while this process lives:
 * it can be left for a while, or stand for a server that is not there.
 *
 * It is below the kernel's ephemeral range (ip_local_port_range starts at 32768), so that an outgoing connection cannot
 * take it either.
 */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  for (;;) {
    const port = next;
    next = port === highest ? lowest : port + 1;
    if ((await reserve(`port-${port}`)) && (await isFree({ port, host, exclusive: true }))) return port;
  }
}

/**
 * Whether a name was free, which is this process's from now on. On Linux no other test file has it until this process
 * ends: the kernel lets only one socket have an abstract name, and forgets it with the process (unix(7)).
 */
export async function reserve(name: string): Promise<boolean> {
  if (held.has(name)) return false;
  held.add(name);
  if (process.platform !== 'linux') return true;
  const server = await listens({ path: `\0sentinel-tunnel-tests-${name}` });
  server?.unref();
  return server !== undefined;
}

async function isFree(options: ListenOptions): Promise<boolean> {
  const server = await listens(options);
  if (server) await new Promise((resolve) => server.close(resolve));
  return server !== undefined;
}

async function listens(options: ListenOptions): Promise<Server | undefined> {
  const server = createServer();
  try {
    server.listen(options);
    await once(server, 'listening');
    return server;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') return undefined;
    throw error;
  }
}
