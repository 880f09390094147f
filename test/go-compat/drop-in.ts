import { freePort, TunnelProcess, type TunnelOptions } from '../support/index.ts';

export interface DropInOptions extends Omit<TunnelOptions, 'config' | 'commandLine'> {
  /** `Local_port` as a number instead of a text. */
  readonly numericPorts?: boolean;
}

/** The configuration file of the Go `sentinel_tunnel`, key for key. */
export async function originalConfig(
  sentinels: readonly string[],
  names: readonly string[],
  numericPorts = false,
): Promise<object> {
  const databases: object[] = [];
  for (const Name of names) {
    const port = await freePort();
    databases.push({ Name, Local_port: numericPorts ? port : String(port) });
  }
  return { Sentinels_addresses_list: sentinels, Databases: databases };
}

/** Starts the program as the Go `sentinel_tunnel` is started: its JSON, and `-` for the log. */
export async function startDropIn(
  sentinels: readonly string[],
  names: readonly string[],
  options: DropInOptions = {},
): Promise<TunnelProcess> {
  const { numericPorts = false, ...rest } = options;
  return await TunnelProcess.start({
    ...rest,
    config: await originalConfig(sentinels, names, numericPorts),
    commandLine: (file) => [file, '-'],
  });
}
