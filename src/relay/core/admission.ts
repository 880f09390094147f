import type { Permits } from '../../lifecycle/permits.ts';
import type { Client } from './client.ts';
import type { TunnelLimits } from './engine.ts';
import { totalIsFull, tunnelIsFull } from './refusal.ts';

/** The permits that the clients of a tunnel need. */
export interface TunnelPermits {
  /** Clients of the tunnel, waiting ones included. */
  readonly clients: Permits;
  /** Clients of the tunnel that wait. */
  readonly waiting: Permits;
  /** Clients of every tunnel of the process. */
  readonly total: Permits;
}

/** Gives permits to the clients of one tunnel and takes them back, each at most once. */
export class Admission {
  readonly #name: string;
  readonly #permits: TunnelPermits;

  /** @param name of the tunnel, for messages */
  constructor(name: string, permits: TunnelPermits) {
    this.#name = name;
    this.#permits = permits;
  }

  adjust({ maxConnections, holdMax }: Pick<TunnelLimits, 'maxConnections' | 'holdMax'>): void {
    this.#permits.clients.most = maxConnections;
    this.#permits.waiting.most = holdMax;
  }

  /** Admits a client, or says which limit is reached. */
  admit(client: Client): string | undefined {
    const { clients, total } = this.#permits;
    if (!clients.take()) return tunnelIsFull(this.#name, clients.most);
    if (!total.take()) {
      clients.give();
      return totalIsFull(total.most);
    }
    client.hasPermit = true;
    return undefined;
  }

  /** @returns whether the client may wait */
  admitToWait(client: Client): boolean {
    client.hasWaitingPermit ||= this.#permits.waiting.take();
    return client.hasWaitingPermit;
  }

  /** The client does not wait any more. */
  waited(client: Client): void {
    if (client.hasWaitingPermit) this.#permits.waiting.give();
    client.hasWaitingPermit = false;
  }

  /** The client has ended. */
  release(client: Client): void {
    this.waited(client);
    if (!client.hasPermit) return;
    this.#permits.clients.give();
    this.#permits.total.give();
    client.hasPermit = false;
  }
}
