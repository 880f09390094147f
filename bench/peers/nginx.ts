import { existsSync } from 'node:fs';
import { freePort } from '../../test/support/index.ts';
import { launch, masterPort, writeConfig, type Relay, type Upstream } from './relay.ts';

// Debian builds the stream module as a file of its own; elsewhere it is in the binary.
const streamModule = '/usr/lib/nginx/modules/ngx_stream_module.so';

/** nginx as a plain TCP proxy: the stream module with one worker. */
export async function startNginx(upstream: Upstream): Promise<Relay> {
  const port = await freePort();
  const { dir } = upstream;
  const config = writeConfig(
    dir,
    'nginx.conf',
    `${existsSync(streamModule) ? `load_module ${streamModule};` : ''}
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid ${dir}/nginx.pid;
error_log stderr error;
events { worker_connections 19000; }
stream {
  server {
    listen 127.0.0.1:${String(port)} backlog=4096;
    proxy_pass 127.0.0.1:${String(masterPort(upstream))};
    proxy_timeout 1h;
  }
}
`,
  );
  return launch('nginx', port, ['nginx', '-p', dir, '-c', config]);
}
