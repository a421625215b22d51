import { checkArray, checkOptions, optionalBoolean, optionalInteger } from '../../../checks';
import {
  dataLength,
  elementCount,
  elementType,
  maxRank,
  type ElementType,
  type ElementTypeInfo,
  type NumericData,
} from '../element-type';
import { OnliteError, invalidArgument } from '../../../errors';
import { pooledTensor, type Tensor } from '../tensor';
import { Allocator } from './allocator';
import type { Block } from './block';
import { requirePinning } from './pinning';

/** Options of {@link TensorPool}. */
export interface TensorPoolOptions {
  /**
   * The most bytes the pool keeps, in use and free, rounded up to a multiple of
   * 64; 1 GiB by default.
   */
  maxBytes?: number;
  /** SharedArrayBuffer memory, which worker_threads use without a copy; false by default. */
  shared?: boolean;
  /**
   * Page-locked memory, from and to which CUDA copies without a detour: for what is bound or fed
   * to a session with `'cuda'` or `'tensorrt'`. Take it for tensors that are used again and again, since locking
   * is slow and the system cannot move or swap such memory. Default false.
   *
   * ERR_UNSUPPORTED without NVIDIA's driver and a GPU.
   */
  pinned?: boolean;
  /** Fill each acquired tensor with zeros; false by default. */
  zero?: boolean;
  /**
   * Note where each tensor is acquired, and report those that are collected
   * without `dispose()` as process warnings, once for each place. Slow.
   */
  debug?: boolean;
}

/** What a {@link TensorPool} has done and holds. Bytes are of blocks, which tensors round up to. */
export interface TensorPoolStats {
  /** Bytes of the tensors that are neither disposed nor collected. */
  bytesInUse: number;
  /** Bytes kept for further tensors. */
  bytesFree: number;
  /** The most that `bytesInUse` has been. */
  highWaterBytes: number;
  /** Acquired tensors that had the memory of a disposed one. */
  hits: number;
  /** Acquired tensors that took new memory. */
  misses: number;
}

// Not methods, which a program could redefine on its pool.
/** Whether a value was made by {@link TensorPool}'s constructor. */
export let isTensorPool: (value: unknown) => value is TensorPool;
/** `pool.acquire()` for a type that is not string and dims that have been checked. */
export let acquireFrom: (
  pool: TensorPool,
  type: ElementTypeInfo,
  dims: readonly number[],
) => Tensor;

const optionKeys = new Set(['maxBytes', 'shared', 'pinned', 'zero', 'debug']);
const defaultMaxBytes = 2 ** 30;
const maxMaxBytes = 2 ** 46;

/**
 * Memory for tensors that is used again instead of being allocated, collected
 * and paged in for each. It starts at multiples of 64 bytes and cannot be
 * detached, so asynchronous runs use it in place.
 *
 * `tensor.dispose()`, or `using`, gives the memory back. A tensor that is
 * forgotten instead is found by the garbage collector, later; what a kept view
 * of it can still reach is never given to another tensor.
 *
 * Not zeroed: a new tensor shows what an earlier one held, and `tensor.data.buffer`
 * shows other tensors of the pool, unless `zero` is set for the former. Do not
 * share a pool between code that may not see each other's data.
 *
 * @example
 * ```ts
 * const pool = new TensorPool({ maxBytes: 64 << 20 });
 * using image = pool.acquire('float32', [1, 3, 224, 224]);
 * ```
 */
export class TensorPool {
  /** The most bytes the pool keeps. */
  readonly maxBytes: number;
  /** Whether its memory is SharedArrayBuffers. */
  readonly shared: boolean;
  /** Whether its memory is page-locked. */
  readonly pinned: boolean;
  readonly #zero: boolean;
  readonly #debug: boolean;
  readonly #allocator: Allocator;

  static {
    isTensorPool = (value): value is TensorPool =>
      typeof value === 'object' && value !== null && #allocator in value;
    acquireFrom = (pool, type, dims) => pool.#acquire(type, [...dims]);
  }

  /** @throws OnliteError ERR_INVALID_ARGUMENT for a bad or unknown option; ERR_UNSUPPORTED, see `pinned` */
  constructor(options?: TensorPoolOptions) {
    const checked = checkOptions(options, 'options', optionKeys);
    const maxBytes =
      optionalInteger(checked, 'maxBytes', 'options', 1, maxMaxBytes) ?? defaultMaxBytes;
    this.shared = optionalBoolean(checked, 'shared', 'options') ?? false;
    this.pinned = optionalBoolean(checked, 'pinned', 'options') ?? false;
    this.#zero = optionalBoolean(checked, 'zero', 'options') ?? false;
    this.#debug = optionalBoolean(checked, 'debug', 'options') ?? false;
    this.#allocator = new Allocator(
      maxBytes,
      { shared: this.shared, pinned: this.pinned },
      this.#debug ? leakReporter() : undefined,
    );
    this.maxBytes = this.#allocator.maxBytes;
    if (this.pinned) requirePinning();
    remember(this);
  }

  /**
   * A tensor in the pool's memory.
   *
   * @param type - any element type but strings
   * @param dims - the shape
   * @throws OnliteError ERR_INVALID_ARGUMENT for an unknown type or bad dims,
   *   ERR_UNSUPPORTED for strings, ERR_POOL_EXHAUSTED when it does not fit in
   *   `maxBytes` beside the tensors in use, or after {@link TensorPool.dispose},
   *   ERR_OUT_OF_MEMORY when there is no memory for it.
   */
  acquire<T extends Exclude<ElementType, 'string'>>(type: T, dims: readonly number[]): Tensor<T> {
    const info = elementType(type);
    if (info === undefined) throw invalidArgument('type', 'an element type', type);
    if (info.array === undefined) {
      throw new OnliteError('ERR_UNSUPPORTED', 'type: strings have no memory to be pooled');
    }
    return this.#acquire(info, checkArray(dims, 'dims', maxRank) as number[]) as Tensor<T>;
  }

  #acquire(info: ElementTypeInfo, shape: readonly number[]): Tensor {
    const size = elementCount(shape, 'dims');
    if (size === 0) return this.#acquireEmpty(info, shape);
    const length = dataLength(info, size);
    const bytes = length * (info.array?.BYTES_PER_ELEMENT ?? 1);
    const block = this.#allocator.acquire(info, length, bytes);
    const view = takeView(block);
    if (this.#zero) new Uint8Array(view.buffer, view.byteOffset, bytes).fill(0);
    if (this.#debug) block.acquiredAt = acquiringStack();
    return pooledTensor(info, view, shape, size, block);
  }

  /** A snapshot of the pool's counters. */
  get stats(): TensorPoolStats {
    const { bytesInUse, bytesFree, highWaterBytes, hits, misses } = this.#allocator;
    return { bytesInUse, bytesFree, highWaterBytes, hits, misses };
  }

  /**
   * Drops what no tensor uses, and gives the pages of free memory between
   * tensors back to the system.
   *
   * @returns the bytes given back
   */
  trim(): number {
    return this.#allocator.trim();
  }

  /** Drops what no tensor uses, now and when tensors are disposed. `acquire` throws from then on. */
  dispose(): void {
    this.#allocator.close();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #acquireEmpty(type: ElementTypeInfo, dims: readonly number[]): Tensor {
    const Data = type.array as new (buffer: ArrayBufferLike) => NumericData;
    const buffer = this.shared ? new SharedArrayBuffer(0) : new ArrayBuffer(0);
    return pooledTensor(type, new Data(buffer), dims, 0, undefined);
  }
}

const known = new Set<WeakRef<TensorPool>>();
let pruneAt = 64;

function remember(pool: TensorPool): void {
  known.add(new WeakRef(pool));
  if (known.size >= pruneAt) pruneAt = 2 * livePools().length + 64;
}

/** The pools of this environment that have not been collected. */
export function livePools(): TensorPool[] {
  const live: TensorPool[] = [];
  for (const reference of known) {
    const pool = reference.deref();
    if (pool === undefined) known.delete(reference);
    else live.push(pool);
  }
  return live;
}

function takeView(block: Block): NumericData {
  const { view } = block;
  if (view === undefined) throw new Error('an acquired block has a view');
  block.view = undefined;
  return view;
}

/** The stack above the call for a tensor. */
function acquiringStack(): string {
  return (new Error().stack ?? '').split('\n').slice(4).join('\n');
}

/** Warns of a forgotten tensor, once for each place of acquisition. */
function leakReporter(): (block: Block) => void {
  const reported = new Set<string>();
  return (block) => {
    const stack = block.acquiredAt ?? '';
    if (reported.has(stack)) return;
    reported.add(stack);
    process.emitWarning(
      `A tensor of ${block.byteLength} bytes was collected without dispose(). It was acquired\n` +
        stack,
      { type: 'OnliteWarning', code: 'ONLITE_TENSOR_FORGOTTEN' },
    );
  };
}
