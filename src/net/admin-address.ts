import type { ListenAddress } from './endpoint.ts';

/** Where the admin listener is unless anything says otherwise; redis_exporter has the same port. */
export const defaultAdminPort = 9121;
const host = '127.0.0.1';
const places = 8;

/** The usual address, and those that are taken where it is not free: in this order by who listens, and by who looks for a tunnel. */
export const defaultAdminAddresses: readonly [ListenAddress, ...ListenAddress[]] = [
  { kind: 'tcp', host, port: defaultAdminPort },
  ...Array.from({ length: places - 1 }, (_, at): ListenAddress => ({
    kind: 'tcp',
    host,
    port: defaultAdminPort + 1 + at,
  })),
];
