import type { Endpoint } from '../../src/net/endpoint.ts';
import type { ClientTls } from '../../src/net/tls.ts';
import type { Dial, Dialler, DialHandler } from '../../src/relay/io/connection.ts';
import { FakeConnection } from './fake-connection.ts';

/** A dial that succeeds or fails when a test says so. */
export class FakeDial implements Dial {
  isAbandoned = false;
  /** What it has led to. */
  connection: FakeConnection | undefined;
  readonly endpoint: Endpoint;
  readonly tls: ClientTls | undefined;
  readonly handler: DialHandler;
  #isOver = false;

  constructor(endpoint: Endpoint, tls: ClientTls | undefined, handler: DialHandler) {
    this.endpoint = endpoint;
    this.tls = tls;
    this.handler = handler;
  }

  get isUnderWay(): boolean {
    return !this.#isOver;
  }

  /** @param connection whose server may have sent something already */
  connect(connection = new FakeConnection()): FakeConnection {
    this.#finish();
    this.connection = connection;
    this.handler.connected(connection);
    return connection;
  }

  fail(code = 'ECONNREFUSED'): void {
    this.#finish();
    this.handler.dialFailed(code);
  }

  abandon(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.isAbandoned = true;
  }

  #finish(): void {
    if (this.#isOver) throw new Error('The dial is over');
    this.#isOver = true;
  }
}

/** Remembers what it is asked to dial. */
export class FakeDialler implements Dialler {
  readonly dials: FakeDial[] = [];

  dial(endpoint: Endpoint, tls: ClientTls | undefined, handler: DialHandler): Dial {
    const dial = new FakeDial(endpoint, tls, handler);
    this.dials.push(dial);
    return dial;
  }
}
