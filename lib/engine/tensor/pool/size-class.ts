/** Every block starts at a multiple of this: what TFLite's custom allocations need. */
export const alignment = 64;

/**
 * Behind every tensor so many bytes can be read: TensorFlow Lite's kernels do, and
 * use no memory in place that could end before.
 */
export const readableBeyond = 64;

/** The unit of WebAssembly.Memory. */
export const wasmPageBytes = 65_536;

/** A block of this size or more has memory of its own. */
export const largeBytes = 1 << 20;

// Up to 1 KiB in steps of 64 bytes; then 8 steps to each doubling (so at most 1/8 is
// wasted); from 1 MiB whole WebAssembly pages, 16 steps to each doubling.
const fineClasses = 16;
const firstLarge = fineClasses + 8 * 10;
const largePages = largeBytes / wasmPageBytes;

/** Size classes are 0 to this, exclusive; the last is larger than any ArrayBuffer. */
export const sizeClassCount = firstLarge + 16 * 28;

/** The size class of a block for `bytes` bytes, at least 1 and less than 2^47. */
export function sizeClassOf(bytes: number): number {
  if (bytes <= 1024) return (bytes - 1) >> 6;
  if (bytes < largeBytes) {
    const doubling = 31 - Math.clz32(bytes - 1);
    return (doubling - 10) * 8 + ((bytes - 1) >> (doubling - 3)) - 8 + fineClasses;
  }
  const pages = Math.ceil(bytes / wasmPageBytes);
  const shift = 27 - Math.clz32(pages);
  return firstLarge + shift * 16 + Math.ceil(pages / (1 << shift)) - largePages;
}

/** The bytes of a block of a size class. */
export function sizeClassBytes(index: number): number {
  if (index < fineClasses) return (index + 1) << 6;
  if (index < firstLarge) {
    const step = index - fineClasses;
    return ((step & 7) + 9) << ((step >> 3) + 7);
  }
  const step = index - firstLarge;
  return ((step & 15) + largePages) * 2 ** (step >> 4) * wasmPageBytes;
}
