import type { NumericData } from '../element-type';
import { blockOf, dataOf, isTensor } from '../tensor';
import type { Block } from './block';

/** A run's hold on a pooled tensor's memory. Opaque: for {@link release} only. */
export type Lease = Block;

/** Whether a value is a tensor with memory of a pool. No property of the value is read. */
export function isPooled(value: unknown): boolean {
  return isTensor(value) && blockOf(value) !== undefined;
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
  /** A SharedArrayBuffer: other threads may write at any time. */
  readonly shared: boolean;
}

/** The memory of a pooled tensor that is not disposed; undefined for anything else. */
export function poolMemoryOf(value: unknown): PoolMemory | undefined {
  if (!isTensor(value)) return undefined;
  const block = blockOf(value);
  if (block === undefined) return undefined;
  const { stable, buffer } = block.slab.memory;
  return { data: dataOf(value) as NumericData, stable, shared: !(buffer instanceof ArrayBuffer) };
}

/** The place of a pooled tensor's memory in its pool, the same until it is disposed. */
export function leaseOf(value: unknown): Lease | undefined {
  return isTensor(value) ? blockOf(value) : undefined;
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
