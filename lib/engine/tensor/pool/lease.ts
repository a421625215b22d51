import type { NumericData } from '../element-type';
import { blockOf, dataOf, isTensor, type Tensor } from '../tensor';
import type { Block } from './block';

/**
 * A run's hold on a pooled tensor's memory. The view is here and not in the block,
 * which the pool can reach, so that the memory of a lease that is forgotten, as with
 * a binding that nobody disposes of, is found by the garbage collector.
 */
export interface Lease {
  readonly block: Block;
  readonly view: NumericData;
}

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

/** The memory of a pooled tensor that is not disposed, as leases are told apart; else undefined. */
export function leasable(value: unknown): Block | undefined {
  return isTensor(value) ? blockOf(value) : undefined;
}

/**
 * Holds a pooled tensor's memory for a native run: `dispose()` is put off until
 * as many releases. The lease must stay reachable until its release, as it keeps
 * the memory alive if tensor and pool are forgotten.
 *
 * @returns undefined if the value is not a pooled tensor or is disposed
 */
export function retain(value: unknown): Lease | undefined {
  const block = leasable(value);
  if (block === undefined) return undefined;
  block.retain();
  return { block, view: dataOf(value as Tensor) as NumericData };
}

/** Ends the hold. Once for each {@link retain}. */
export function release(lease: Lease): void {
  lease.block.release(lease.view);
}
