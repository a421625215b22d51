import { readableBeyond, wasmPageBytes } from './size-class';

/** Memory for blocks. */
export interface SlabMemory {
  readonly buffer: ArrayBufferLike;
  /**
   * The memory is never detached, moved or freed while a view of it can be
   * reached: native code may use it in place beside running JavaScript.
   */
  readonly stable: boolean;
}

type WasmMemoryConstructor = new (limits: {
  initial: number;
  maximum: number;
  shared?: boolean;
}) => { readonly buffer: ArrayBufferLike };

// V8 reserves about 10 GiB of address space for each Memory; Electron's processes
// have 1 TiB for everything, others at least 128 TiB.
const maxMemories = process.versions['electron'] === undefined ? 1024 : 32;
const maxWasmPages = 65_536;

/** Memories of this JavaScript environment that have not been collected. */
let memories = 0;
let addressSpaceIsShort = false;
let collected: FinalizationRegistry<undefined> | undefined;

/**
 * A WebAssembly.Memory's buffer of whole pages, page-aligned and zero, with more than
 * `bytes` by at least `readableBeyond` (pages that nobody writes take no memory); nothing
 * when there is no WebAssembly, or its share of the address space is used up.
 */
export function allocateStable(bytes: number, shared: boolean): SlabMemory | undefined {
  const pages = Math.ceil((bytes + readableBeyond) / wasmPageBytes);
  const Memory = (globalThis as { WebAssembly?: { Memory?: WasmMemoryConstructor } }).WebAssembly
    ?.Memory;
  if (Memory === undefined || pages > maxWasmPages) return undefined;
  if (memories >= maxMemories || addressSpaceIsShort) return undefined;
  let buffer: ArrayBufferLike;
  try {
    // Nobody can grow, and so detach, a Memory that nobody holds.
    buffer = new Memory({ initial: pages, maximum: pages, ...(shared ? { shared } : {}) }).buffer;
  } catch {
    // V8 collects garbage several times before it gives up: not on every acquire.
    addressSpaceIsShort = true;
    return undefined;
  }
  memories++;
  collected ??= new FinalizationRegistry(() => {
    memories--;
    addressSpaceIsShort = false;
  });
  collected.register(buffer, undefined);
  return { buffer, stable: true };
}

/**
 * An ordinary buffer for one tensor, which its owner may detach.
 *
 * @returns undefined when there is not that much memory
 */
export function allocatePlain(bytes: number, shared: boolean): SlabMemory | undefined {
  try {
    const buffer = shared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes);
    return { buffer, stable: false };
  } catch {
    return undefined;
  }
}
