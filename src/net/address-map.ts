import type { Endpoint } from './endpoint.ts';
import { addressBytes, formatAddress, networkHolds, parseNetwork } from './network.ts';

/** One line of an address map: what is announced on the left, where it is dialled on the right. */
export interface AddressRule {
  readonly from:
    | { readonly kind: 'endpoint'; readonly host: string; readonly port: number }
    | { readonly kind: 'host'; readonly host: string }
    | { readonly kind: 'network'; readonly network: string };
  readonly to: {
    readonly host: string;
    /** `undefined` keeps the announced port. */
    readonly port: number | undefined;
  };
}

/** The most specific rule first. */
export type AddressMap = readonly AddressRule[];

/** Puts rules into the order in which they are tried: endpoints, hosts, networks from the smallest to the largest. */
export function addressMapOf(rules: readonly AddressRule[]): AddressMap {
  return rules.toSorted((a, b) => breadthOf(a) - breadthOf(b));
}

/** Where an announced endpoint is dialled: the endpoint itself, the same object, where no rule is for it. */
export function mapEndpoint(map: AddressMap, endpoint: Endpoint): Endpoint {
  if (map.length === 0) return endpoint;
  const host = canonicalHost(endpoint.host);
  const rule = map.find(({ from }) => isFor(from, host, endpoint.port));
  return rule ? { host: rule.to.host, port: rule.to.port ?? endpoint.port } : endpoint;
}

/** One spelling per host: names in lower case without a final dot, addresses as they are usually written. */
export function canonicalHost(host: string): string {
  const bytes = addressBytes(host);
  return bytes ? formatAddress(bytes) : host.toLowerCase().replace(/\.$/, '');
}

function isFor(from: AddressRule['from'], host: string, port: number): boolean {
  switch (from.kind) {
    case 'endpoint':
      return from.port === port && canonicalHost(from.host) === host;
    case 'host':
      return canonicalHost(from.host) === host;
    case 'network': {
      const network = parseNetwork(from.network);
      const bytes = addressBytes(host);
      return network !== undefined && bytes !== undefined && networkHolds(network, bytes);
    }
  }
}

function breadthOf({ from }: AddressRule): number {
  if (from.kind === 'endpoint') return -2;
  if (from.kind === 'host') return -1;
  return 128 - (parseNetwork(from.network)?.bits ?? 0);
}
