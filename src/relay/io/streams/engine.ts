import { OwnListeners } from '../../../net/own-listeners.ts';
import type { Engine, EngineTunnel, TunnelEvent, TunnelSpec } from '../../core/engine.ts';
import { OpenListeners } from '../../core/open-listeners.ts';
import type { LoopLag } from '../../core/lag.ts';
import type { CatchUp } from '../../core/stood.ts';
import { Places, unlimited } from '../../core/places.ts';
import { dialOthersThan, type Dial } from './dial.ts';
import { Standstill } from './standstill.ts';
import { StreamsTunnel } from './tunnel.ts';

export interface StreamsOptions {
  readonly dial?: Dial;
  /** Brings routes up to date after a standstill of this process; without it none is noticed. */
  readonly catchUp?: CatchUp;
  /** Those of another engine beside it, where one limit holds for both. */
  readonly places?: Places;
  readonly descriptors?: Places;
  /** Those of another engine beside it, where neither is to dial the other. */
  readonly listeners?: OpenListeners;
}

/** The portable engine: sockets of `node:net`, on the event loop of whoever opened it. */
export class StreamsEngine implements Engine {
  readonly name = 'streams';
  readonly #dial: Dial;
  readonly #places: Places;
  readonly #descriptors: Places;
  readonly #listeners: OpenListeners;
  readonly #tunnels = new Set<StreamsTunnel>();
  readonly #standstill: Standstill | undefined;

  constructor({
    catchUp,
    places = Places.of(unlimited),
    descriptors = Places.of(unlimited),
    listeners = new OpenListeners(),
    dial = dialOthersThan(new OwnListeners(() => listeners.addresses)),
  }: StreamsOptions = {}) {
    this.#dial = dial;
    this.#listeners = listeners;
    this.#places = places;
    this.#descriptors = descriptors;
    this.#standstill =
      catchUp &&
      new Standstill(catchUp, (isOver) => {
        for (const tunnel of this.#tunnels) {
          if (isOver) tunnel.resume();
          else tunnel.suspend();
        }
      });
  }

  async open(spec: TunnelSpec, tell: (event: TunnelEvent) => void): Promise<EngineTunnel> {
    const tunnel = await StreamsTunnel.open(
      spec,
      tell,
      this.#dial,
      this.#places,
      this.#descriptors,
      this.#listeners,
      (closed) => {
        this.#tunnels.delete(closed);
      },
      () => this.#standstill?.isNoticed() ?? false,
    );
    this.#tunnels.add(tunnel);
    return tunnel;
  }

  /** It lives on the event loop of whoever asks: that this is carried out is the answer. */
  alive(): Promise<readonly string[]> {
    return Promise.resolve([]);
  }

  lags(): readonly LoopLag[] {
    return this.#standstill ? [{ loop: 'main', lag: this.#standstill.lag.view() }] : [];
  }

  limit(maxConnections: number, descriptors = unlimited): void {
    this.#places.most = maxConnections;
    this.#descriptors.most = descriptors;
  }

  async close(): Promise<void> {
    this.#standstill?.close();
    await Promise.all([...this.#tunnels].map((tunnel) => tunnel.close()));
    this.#tunnels.clear();
  }
}
