import type { Flow, FlowClient } from '../../../src/relay/flow/flow.ts';
import type { Connection } from '../../../src/relay/io/connection.ts';

/** A flow that carries nothing and keeps its client, or not, when its upstream is closed. */
export class FakeFlow implements Flow {
  upstreamBytes = 0;
  downstreamBytes = 0;
  isUnanswered = false;
  isFrozen = false;
  /** The upstreams that it was attached to, in order. */
  readonly upstreams: Connection[] = [];
  readonly client: FlowClient;
  readonly #fate: 'cut' | 'waits';

  constructor(client: FlowClient, fate: 'cut' | 'waits') {
    this.client = client;
    this.#fate = fate;
  }

  attach(upstream: Connection): void {
    this.upstreams.push(upstream);
    this.client.connection.handler = this;
    upstream.handler = this;
    upstream.resume();
    this.client.connection.resume();
  }

  freeze(): void {
    this.isFrozen = true;
  }

  thaw(): void {
    this.isFrozen = false;
  }

  upstreamLost(): 'cut' | 'waits' {
    return this.#fate;
  }

  data(): void {
    // Nothing is carried.
  }

  writable(): void {
    // Nothing is written.
  }

  ended(connection: Connection): void {
    this.gone(connection);
  }

  ending(): void {
    // Both sides are read from.
  }

  writeFailed(connection: Connection): void {
    this.gone(connection);
  }

  gone(connection: Connection): void {
    this.client.connection.close();
    this.client.finished(connection === this.client.connection ? 'downstream' : 'upstream');
  }
}
