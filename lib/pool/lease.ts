import type { NumericData } from '../element-type';
import { blockOf, dataOf, isTensor } from '../tensor';
import type { Block } from './block';

/** A run's hold on a pooled tensor's memory. Opaque: for {@link release} only. */
export type Lease = Block;

/** What is known of the memory of a pooled tensor. */
export interface PoolMemory {
  /**
   * The tensor's own view. `value.data` may have been redefined on the object;
   * what is said here holds for this view only.
   */
  readonly data: NumericData;
  /** Never detached, moved or freed while the view or a lease can be reached. */
  readonly stable: boolean;
}

/** The memory of a pooled tensor that is not disposed; undefined for anything else. */
export function poolMemoryOf(value: unknown): PoolMemory | undefined {
  if (!isTensor(value)) return undefined;
  const block = blockOf(value);
  if (block === undefined) return undefined;
  return { data: dataOf(value) as NumericData, stable: block.slab.memory.stable };
}

/**
 * Holds a pooled tensor's memory for a native run: `dispose()` is put off until
 * as many releases. The lease must stay reachable (a job's keepAlive) until its
 * release, as it keeps the memory alive if tensor and pool are forgotten.
 *
 * @returns undefined if the value is not a pooled tensor or is disposed
 */
export function retain(value: unknown): Lease | undefined {
  if (!isTensor(value)) return undefined;
  const block = blockOf(value);
  block?.retain(dataOf(value) as NumericData);
  return block;
}

/** Ends the hold. Once for each {@link retain}. */
export function release(lease: Lease): void {
  lease.release();
}
