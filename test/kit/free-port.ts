import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * A TCP port of loopback on which nobody listens now.
 *
 * Picked by chance below the kernel's ephemeral range (ip_local_port_range starts at 32768), so that an
 * outgoing connection of another test cannot take it between this call and the server's own bind.
 */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 22_000);
    if (await isFree(port, host)) return port;
  }
}

async function isFree(port: number, host: string): Promise<boolean> {
  const server = createServer();
  try {
    server.listen({ port, host, exclusive: true });
    await once(server, 'listening');
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') return false;
    throw error;
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}
