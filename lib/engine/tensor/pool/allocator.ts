import type { ElementTypeInfo, NumericData } from '../element-type';
import { OnliteError } from '../../../errors';
import { lengthOf } from '../typed-array';
import { Block, Slab, type BlockOwner, type Watch } from './block';
import { discardPages } from './pages';
import { pin, unpin } from './pinning';
import {
  alignment,
  largeBytes,
  sizeClassBytes,
  sizeClassCount,
  sizeClassOf,
  wasmPageBytes,
} from './size-class';
import { allocatePlain, allocateStable, type SlabMemory } from './slab-memory';

/** Free blocks looked at for one that has the right view already. */
const maxViewSearch = 8;

/**
 * A pool's memory: free blocks by size class, cut from slabs.
 *
 * A block whose view was collected before anyone gave it back is never handed
 * out again, because `subarray()`, `buffer` or another thread may still reach
 * its memory: its slab is dropped for the garbage collector once its other
 * blocks are free.
 */
export class Allocator implements BlockOwner {
  hits = 0;
  misses = 0;
  bytesInUse = 0;
  highWaterBytes = 0;
  /** Bytes of all blocks of all slabs. */
  private bytesCut = 0;
  private bytesForgotten = 0;
  private readonly freeBlocks = new Array<Block | undefined>(sizeClassCount).fill(undefined);
  private readonly slabs = new Set<Slab>();
  /** Slabs without a live block. */
  private idleSlabs = 0;
  /** The slab that small blocks are cut from. */
  private open: Slab | undefined;
  private closed = false;
  private readonly registry = new FinalizationRegistry<Watch>((watch) => {
    if (watch.block !== undefined) this.forget(watch.block);
  });

  /** The most bytes of blocks. */
  readonly maxBytes: number;

  /**
   * @param maxBytes - rounded up to the size of a block
   * @param onForgotten - called with a block whose tensor was not disposed
   */
  constructor(
    maxBytes: number,
    private readonly kind: { readonly shared: boolean; readonly pinned: boolean },
    private readonly onForgotten: ((block: Block) => void) | undefined,
  ) {
    this.maxBytes = Math.ceil(maxBytes / alignment) * alignment;
  }

  get bytesFree(): number {
    return this.bytesCut - this.bytesForgotten - this.bytesInUse;
  }

  /**
   * A block whose `view` has `length` elements of a type. The caller takes the
   * view out of the block.
   *
   * @throws OnliteError ERR_POOL_EXHAUSTED, or ERR_OUT_OF_MEMORY
   */
  acquire(type: ElementTypeInfo, length: number, bytes: number): Block {
    if (this.closed) throw new OnliteError('ERR_POOL_EXHAUSTED', 'the pool was disposed');
    if (bytes > this.maxBytes) throw this.exhausted(bytes);
    const sizeClass = sizeClassOf(bytes);
    const { array } = type;
    let block = this.freeBlocks[sizeClass];
    if (block === undefined) {
      block = this.find(sizeClass, bytes);
    } else {
      let candidate: Block | undefined = block;
      for (let tries = 0; candidate !== undefined && tries < maxViewSearch; tries++) {
        if (candidate.length === length && candidate.array === array) {
          block = candidate;
          break;
        }
        candidate = candidate.next;
      }
    }
    if (block.length !== length || block.array !== array) this.makeView(block, type, length);
    if (block.isFree) {
      this.unlink(block);
      this.hits++;
    } else {
      this.misses++;
    }
    const { slab } = block;
    if (slab.live++ === 0) this.idleSlabs--;
    this.bytesInUse += block.byteLength;
    if (this.bytesInUse > this.highWaterBytes) this.highWaterBytes = this.bytesInUse;
    return block;
  }

  reclaim(block: Block): void {
    const { slab } = block;
    this.bytesInUse -= block.byteLength;
    this.link(block);
    if (--slab.live === 0) this.idleSlabs++;
    if (slab.memory.stable) {
      if (slab.dropWhenIdle && slab.live === 0) this.drop(slab);
    } else if (this.closed || block.view === undefined || lengthOf(block.view) !== block.length) {
      // Its owner has detached it: there is nothing to hand out again.
      this.drop(slab);
    }
  }

  /**
   * Drops free slabs, and gives the free pages of the others back to the system.
   *
   * @returns the bytes given back
   */
  trim(): number {
    let bytes = 0;
    for (const slab of this.slabs) {
      // A device would go on with the pages that have been given back.
      if (!this.kind.pinned) bytes += discardFree(slab);
      if (slab.live === 0) {
        if (!slab.memory.stable || this.kind.pinned) bytes += slab.top;
        this.drop(slab);
      }
    }
    return bytes;
  }

  /** Keeps nothing any more; live tensors keep their memory. */
  close(): void {
    this.closed = true;
    for (const slab of this.slabs) {
      slab.dropWhenIdle = true;
      if (slab.live === 0) this.drop(slab);
    }
  }

  /** A block when the size class has no free one. */
  private find(sizeClass: number, bytes: number): Block {
    const size = sizeClassBytes(sizeClass);
    const missing = this.bytesCut + size - this.maxBytes;
    if (missing <= 0) return this.cut(size, sizeClass);
    if (this.idleSlabs > 0) this.dropIdle(missing);
    if (this.bytesCut + size <= this.maxBytes) return this.cut(size, sizeClass);
    // Not in budget: any free block that is large enough, else one without the class's margin.
    const free = this.firstFit(sizeClass, bytes);
    if (free !== undefined) return free;
    const unit = bytes < largeBytes ? alignment : wasmPageBytes;
    const exact = Math.ceil(bytes / unit) * unit;
    if (this.bytesCut + exact > this.maxBytes) throw this.exhausted(bytes);
    return this.cut(exact, exact === size ? sizeClass : sizeClass - 1);
  }

  private firstFit(sizeClass: number, bytes: number): Block | undefined {
    // Blocks without a margin are in the class below theirs.
    let block = sizeClass === 0 ? undefined : this.freeBlocks[sizeClass - 1];
    for (; block !== undefined; block = block.next) if (block.byteLength >= bytes) return block;
    for (let larger = sizeClass + 1; larger < sizeClassCount; larger++) {
      block = this.freeBlocks[larger];
      if (block !== undefined) return block;
    }
    return undefined;
  }

  private dropIdle(missing: number): void {
    const target = this.bytesCut - missing;
    for (const slab of this.slabs) {
      if (slab.live !== 0) continue;
      this.drop(slab);
      if (this.bytesCut <= target) return;
    }
  }

  private slabFor(bytes: number): Slab {
    if (this.open !== undefined && this.open.capacity - this.open.top >= bytes) return this.open;
    const capacity = Math.max(bytes, largeBytes);
    const { shared, pinned } = this.kind;
    const stable = allocateStable(capacity, shared);
    if (stable === undefined) {
      // Its owner can detach it, so it is no other tensor's, and not to be locked.
      const plain = pinned ? undefined : allocatePlain(bytes, shared);
      if (plain === undefined) {
        throw new OnliteError('ERR_OUT_OF_MEMORY', `out of memory for a tensor of ${bytes} bytes`);
      }
      return this.addSlab(plain, bytes);
    }
    const slab = this.addSlab(stable, capacity);
    const rest = (candidate: Slab | undefined): number =>
      candidate === undefined ? 0 : candidate.capacity - candidate.top;
    if (capacity - bytes > rest(this.open)) this.open = slab;
    return slab;
  }

  private addSlab(memory: SlabMemory, capacity: number): Slab {
    const slab = new Slab(this, memory, capacity);
    if (this.kind.pinned) pin(slab);
    this.slabs.add(slab);
    this.idleSlabs++;
    return slab;
  }

  private cut(bytes: number, sizeClass: number): Block {
    const slab = this.slabFor(bytes);
    const block = new Block(slab, slab.top, bytes, sizeClass);
    slab.blocks.push(block);
    slab.top += bytes;
    this.bytesCut += bytes;
    return block;
  }

  private makeView(block: Block, type: ElementTypeInfo, length: number): void {
    let view: NumericData;
    try {
      if (type.array === undefined) throw new RangeError('strings have no typed array');
      view = new type.array(block.slab.memory.buffer, block.byteOffset, length);
    } catch (cause) {
      if (!block.isFree) this.link(block);
      const message = `no array of ${length} ${type.name} elements can be made`;
      throw new OnliteError('ERR_OUT_OF_MEMORY', message, { cause });
    }
    block.view = view;
    block.array = type.array;
    block.length = length;
    if (block.watch !== undefined) block.watch.block = undefined;
    block.watch = { block };
    this.registry.register(view, block.watch);
  }

  private link(block: Block): void {
    block.isFree = true;
    const head = this.freeBlocks[block.sizeClass];
    block.next = head;
    if (head !== undefined) head.previous = block;
    this.freeBlocks[block.sizeClass] = block;
  }

  private unlink(block: Block): void {
    const { next, previous } = block;
    if (previous === undefined) this.freeBlocks[block.sizeClass] = next;
    else previous.next = next;
    if (next !== undefined) next.previous = previous;
    block.next = undefined;
    block.previous = undefined;
    block.isFree = false;
  }

  /** A view was collected. Free blocks and leases hold theirs, so this one was in use. */
  private forget(block: Block): void {
    const { slab } = block;
    if (slab.dropped) return;
    this.onForgotten?.(block);
    this.bytesInUse -= block.byteLength;
    this.bytesForgotten += block.byteLength;
    block.watch = undefined;
    slab.dropWhenIdle = true;
    if (--slab.live === 0) {
      this.idleSlabs++;
      this.drop(slab);
    }
  }

  /** Forgets a slab without live blocks; the garbage collector frees it. */
  private drop(slab: Slab): void {
    slab.dropped = true;
    if (this.kind.pinned) unpin(slab);
    this.slabs.delete(slab);
    this.idleSlabs--;
    if (this.open === slab) this.open = undefined;
    this.bytesCut -= slab.top;
    for (const block of slab.blocks) {
      if (block.isFree) this.unlink(block);
      else this.bytesForgotten -= block.byteLength;
      if (block.watch !== undefined) block.watch.block = undefined;
    }
  }

  private exhausted(bytes: number): OnliteError {
    return new OnliteError(
      'ERR_POOL_EXHAUSTED',
      `${bytes} bytes do not fit: of ${this.maxBytes} bytes ${this.bytesInUse} are in use, ` +
        `${this.bytesFree} free in slabs that are in use, ${this.bytesForgotten} wait for their ` +
        'slab since their tensor was not disposed',
    );
  }
}

/** Gives the pages of runs of free blocks back. */
function discardFree(slab: Slab): number {
  if (!slab.memory.stable) return 0;
  let bytes = 0;
  let start = 0;
  const discard = (end: number): void => {
    if (end > start) bytes += discardPages(new Uint8Array(slab.memory.buffer, start, end - start));
  };
  for (const block of slab.blocks) {
    if (block.isFree) continue;
    discard(block.byteOffset);
    start = block.byteOffset + block.byteLength;
  }
  discard(slab.top);
  return bytes;
}
