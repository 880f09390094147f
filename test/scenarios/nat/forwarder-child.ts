/**
 * A program: what publishes the ports of a machine behind NAT. Each argument is `FROM=TO`, as in
 * `198.18.0.1:7000=203.0.113.1:6379`. What comes to FROM is carried to TO, and what ends on one side ends on the other.
 */
import { connect, createServer } from 'node:net';
import process from 'node:process';

function endpointOf(text = ''): { host: string; port: number } {
  const [host = '', port = ''] = text.split(':');
  return { host, port: Number(port) };
}

for (const pair of process.argv.slice(2)) {
  const [from, to] = pair.split('=');
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const target = connect({ ...endpointOf(to), allowHalfOpen: true });
    client.pipe(target).pipe(client);
    // Without a server there the port is published all the same: who connects is cut.
    target.on('error', () => client.resetAndDestroy());
    client.on('error', () => target.resetAndDestroy());
  });
  server.listen(endpointOf(from), () => {
    process.stdout.write(`${from ?? ''}\n`);
  });
}
