import type { Held } from './jobs';
import { release, retain, type Lease } from './pool/lease';

/** Holds on the pooled tensors that a run uses in place. */
export class Leases implements Held {
  #leases: Lease[] = [];

  /** Holds a tensor if it is pooled. */
  add(tensor: unknown): void {
    const lease = retain(tensor);
    if (lease !== undefined) this.#leases.push(lease);
  }

  /** Ends every hold. May be called again. */
  release(): void {
    const leases = this.#leases;
    this.#leases = [];
    for (const lease of leases) release(lease);
  }
}
