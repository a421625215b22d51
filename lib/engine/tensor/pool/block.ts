import type { ElementTypeInfo, NumericData } from '../element-type';
import type { SlabMemory } from './slab-memory';

/** What a block's memory goes back to. */
export interface BlockOwner {
  reclaim(block: Block): void;
}

/** A buffer that is cut into blocks from its start. */
export class Slab {
  /** In the order of their addresses. */
  readonly blocks: Block[] = [];
  /** Bytes cut into blocks. */
  top = 0;
  /** Blocks that tensors have. */
  live = 0;
  /** Not kept for further tensors: part of it is lost, or the pool was disposed. */
  dropWhenIdle = false;
  dropped = false;

  constructor(
    readonly owner: BlockOwner,
    readonly memory: SlabMemory,
    readonly capacity: number,
  ) {}
}

/**
 * What a registry holds for a view. It must not lead to the view, so the block
 * has its view only while nobody else needs to.
 */
export interface Watch {
  /** Undefined once the block has another view. */
  block: Block | undefined;
}

/**
 * A piece of a slab, the memory of one tensor at a time, with the view made for
 * its last tensor: views and their registration cost more than all the rest.
 */
export class Block {
  /** The view, while the block is free; otherwise its tensor has it, and the leases. */
  view: NumericData | undefined;
  /** What the view is of. */
  array: ElementTypeInfo['array'];
  length = 0;
  watch: Watch | undefined;
  /** Native runs that use the memory. */
  leases = 0;
  /** Asynchronous runs under way that read the memory. */
  readers = 0;
  /** Asynchronous runs under way that write it. */
  writers = 0;
  isFree = false;
  /** Disposed while it was leased: free when the last lease ends. */
  isDisposed = false;
  next: Block | undefined;
  previous: Block | undefined;
  /** Where it was acquired, in debug mode. */
  acquiredAt: string | undefined;

  constructor(
    readonly slab: Slab,
    readonly byteOffset: number,
    readonly byteLength: number,
    readonly sizeClass: number,
  ) {}

  /** Ends a tensor's use of the memory: free at once, or when no run uses it any more. */
  giveBack(view: NumericData): void {
    if (this.leases !== 0) {
      this.isDisposed = true;
      return;
    }
    this.view = view;
    this.slab.owner.reclaim(this);
  }

  /** Begins a run's use. Whoever ends it keeps the view reachable until then. */
  retain(): void {
    this.leases++;
  }

  /** Ends a run's use. */
  release(view: NumericData): void {
    if (--this.leases !== 0 || !this.isDisposed) return;
    this.isDisposed = false;
    this.view = view;
    this.slab.owner.reclaim(this);
  }
}
