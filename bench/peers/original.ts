import { freePort } from '../../test/support/index.ts';
import { launch, writeConfig, type Relay, type Upstream } from './relay.ts';

/** The Go `sentinel_tunnel`, where `ORIGINAL` names a binary of it. */
export function originalBinary(): string | undefined {
  return process.env['ORIGINAL'];
}

export async function startOriginal(upstream: Upstream): Promise<Relay> {
  const binary = originalBinary();
  if (binary === undefined) throw new Error('Cannot start the original: ORIGINAL does not name its binary');
  const port = await freePort();
  const config = writeConfig(
    upstream.dir,
    'original.json',
    JSON.stringify({
      Sentinels_addresses_list: upstream.sentinelPorts.map((sentinel) => `127.0.0.1:${String(sentinel)}`),
      Databases: [{ Name: upstream.masterName, Local_port: String(port) }],
    }),
  );
  return launch('original', port, [binary, config, '/dev/null']);
}
