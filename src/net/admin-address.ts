import type { ListenAddress } from './endpoint.ts';

/** The default port of the admin listener; redis_exporter uses the same. */
export const defaultAdminPort = 9121;
const host = '127.0.0.1';
const places = 8;

/** The default address and its alternatives when it is taken. The listener and the commands try them in this order. */
export const defaultAdminAddresses: readonly [ListenAddress, ...ListenAddress[]] = [
  { kind: 'tcp', host, port: defaultAdminPort },
  ...Array.from({ length: places - 1 }, (_, at): ListenAddress => ({
    kind: 'tcp',
    host,
    port: defaultAdminPort + 1 + at,
  })),
];
