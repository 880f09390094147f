import type { Endpoint } from './endpoint.ts';
import { addressBytes, formatAddress, parseNetwork, withinNetwork } from './network.ts';

/** One rule of an address map: an announced address, and where it is dialled. */
export interface AddressRule {
  readonly from:
    | { readonly kind: 'endpoint'; readonly host: string; readonly port: number }
    | { readonly kind: 'host'; readonly host: string }
    | { readonly kind: 'network'; readonly network: string };
  readonly to: {
    /** `undefined` keeps the announced host. */
    readonly host: string | undefined;
    /** `undefined` keeps the announced port, or the one that the servers of the database have. */
    readonly port: number | undefined;
  };
}

/** The most specific rule first. */
export type AddressMap = readonly AddressRule[];

/** @returns the rules in order of precedence: endpoints, hosts, networks from the smallest to the largest */
export function addressMapOf(rules: readonly AddressRule[]): AddressMap {
  return rules
    .map((rule) => ({ rule, breadth: breadthOf(rule) }))
    .sort((a, b) => a.breadth - b.breadth)
    .map(({ rule }) => rule);
}

/** @returns the most specific rule for an announced endpoint; `undefined` if none matches */
export function ruleFor(map: AddressMap, endpoint: Endpoint): AddressRule | undefined {
  return map.length === 0 ? undefined : indexOf(map).find(endpoint);
}

/**
 * @param port the port of all servers of the database, used instead of the announced one unless a rule names a port
 * @returns where an announced endpoint is dialled: the same object if nothing changes
 */
export function mapEndpoint(map: AddressMap, endpoint: Endpoint, port?: number): Endpoint {
  const rule = ruleFor(map, endpoint);
  return rule || port !== undefined
    ? { host: rule?.to.host ?? endpoint.host, port: rule?.to.port ?? port ?? endpoint.port }
    : endpoint;
}

/** @returns one spelling per host: names in lower case without a final dot, addresses in their usual form */
export function canonicalHost(host: string): string {
  const bytes = addressBytes(host);
  return bytes ? formatAddress(bytes) : host.toLowerCase().replace(/\.$/, '');
}

/** Built at the first lookup, and kept as long as the map. */
const indices = new WeakMap<AddressMap, AddressIndex>();

function indexOf(map: AddressMap): AddressIndex {
  const known = indices.get(map);
  if (known) return known;
  const made = new AddressIndex(map);
  indices.set(map, made);
  return made;
}

/** An index of a map. A lookup takes as long for 20,000 rules as for one, because every announced address needs one. */
class AddressIndex {
  readonly #endpoints = new Map<string, AddressRule>();
  readonly #hosts = new Map<string, AddressRule>();
  /** By length of prefix, and then by the network's first bits. */
  readonly #networks = new Map<number, Map<string, AddressRule>>();
  /** The lengths of prefixes, the longest first. */
  readonly #lengths: readonly number[];

  constructor(map: AddressMap) {
    for (const rule of map) this.#add(rule);
    this.#lengths = [...this.#networks.keys()].sort((a, b) => b - a);
  }

  find({ host: announced, port }: Endpoint): AddressRule | undefined {
    const host = canonicalHost(announced);
    return this.#endpoints.get(endpointKey(host, port)) ?? this.#hosts.get(host) ?? this.#networkOf(host);
  }

  #networkOf(host: string): AddressRule | undefined {
    const bytes = addressBytes(host);
    if (!bytes) return undefined;
    for (const bits of this.#lengths) {
      const rule = this.#networks.get(bits)?.get(networkKey(withinNetwork(bytes, bits)));
      if (rule) return rule;
    }
    return undefined;
  }

  #add(rule: AddressRule): void {
    const { from } = rule;
    switch (from.kind) {
      case 'endpoint':
        addFirst(this.#endpoints, endpointKey(canonicalHost(from.host), from.port), rule);
        return;
      case 'host':
        addFirst(this.#hosts, canonicalHost(from.host), rule);
        return;
      case 'network': {
        const network = parseNetwork(from.network);
        if (!network) return;
        const alike = this.#networks.get(network.bits) ?? new Map<string, AddressRule>();
        this.#networks.set(network.bits, alike);
        addFirst(alike, networkKey(network.bytes), rule);
      }
    }
  }
}

/** Of several rules with one key the first applies. */
function addFirst(rules: Map<string, AddressRule>, key: string, rule: AddressRule): void {
  if (!rules.has(key)) rules.set(key, rule);
}

function endpointKey(host: string, port: number): string {
  return `${host} ${String(port)}`;
}

function networkKey(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

function breadthOf({ from }: AddressRule): number {
  if (from.kind === 'endpoint') return -2;
  if (from.kind === 'host') return -1;
  return 128 - (parseNetwork(from.network)?.bits ?? 0);
}
