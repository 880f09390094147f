import type { Endpoint } from '../../net/endpoint.ts';

/** What we believe of one master now. Frozen; printed as it is; a new object only where something has changed. */
export interface MasterView {
  /** The master name in Sentinel. */
  readonly name: string;
  /**
   * Grows whenever the sessions of before must not live on: at a fence and at a move. Sessions of another
   * generation are cut. It never goes back.
   */
  readonly generation: number;
  readonly phase: Phase;
  /** The configuration epoch of the adopted answer, where Sentinel lets us read it. */
  readonly epoch: number | undefined;
  /** Known Sentinels whose latest answer is fresh, and of those the ones that name the adopted address. */
  readonly sentinels: { readonly known: number; readonly answering: number; readonly agreeing: number };
  /** The Sentinels that name another server than the one that is served, whatever it is called; each as `host:port`. */
  readonly dissenting: readonly string[];
  /** Those that answer at a Sentinel's address and belong to another deployment: they have no vote. */
  readonly strangers: readonly Stranger[];
  /** Why serving is not as sound as it should be; empty when all is well. */
  readonly degraded: readonly string[];
}

/** A Sentinel that none of the others knows, at an address at which one of ours was, or should be. */
export interface Stranger {
  /** `host:port` */
  readonly sentinel: string;
  /** Its run id, where it tells it. */
  readonly id: string | undefined;
  /** Where it says the master is. */
  readonly names: Endpoint;
}

export type Phase =
  /** Nothing learnt yet: no Sentinel has answered, or none knows the name, or the first address is being verified. */
  | {
      readonly kind: 'unknown';
      readonly reason: string;
      /** Whether all Sentinels have been heard, and not one names a master. */
      readonly isMissing: boolean;
      /** Whether those that answer do not know the name: then it is the name that is wrong. */
      readonly isNameUnknown?: boolean;
    }
  | { readonly kind: 'serving'; readonly endpoint: Endpoint; readonly standing: Standing }
  /** A failover has begun, or the address has moved and the new one is not verified yet: sessions cut, new ones held. */
  | { readonly kind: 'fenced'; readonly reason: string; readonly candidate: Endpoint | undefined }
  /** Sentinel names `named`, or has announced it and it was promoted, but it cannot be used: refused, silent, a replica. New sessions are held. */
  | { readonly kind: 'lost'; readonly reason: string; readonly named: Endpoint }
  /** Serving is forbidden by configuration while too few Sentinels answer. New sessions are refused. */
  | { readonly kind: 'forbidden'; readonly reason: string };

/**
 * `confirmed`: Sentinel answers this address. `provisional`: announced and verified by ROLE, not yet answered.
 */
export type Standing = 'confirmed' | 'provisional';
