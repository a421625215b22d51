import { releaseBytes } from 'onlite';

/** What is smaller is made anew each time. */
const LEAST_BYTES = 64 << 10;

/** What is larger is rare, and would be most of what is kept. */
const MOST_BYTES = 64 << 20;

/** What is kept for later. */
const MAX_FREE_BYTES = 64 << 20;

/** Sizes between one power of two and the next. */
const STEPS = 4;

const free = new Map<number, Buffer[]>();
let freeBytes = 0;

/**
 * Memory of a thread for large bodies, messages and texts. Making it anew for each costs as much as copying into it
 * several times: the system clears pages before it gives them away.
 */
export const memoryPool = {
  /** Of at least so many bytes, for {@link memoryPool.giveBack}. */
  take(bytes: number): Buffer {
    if (bytes < LEAST_BYTES || bytes > MOST_BYTES) return Buffer.allocUnsafe(bytes);
    const step = 2 ** Math.floor(Math.log2(bytes)) / STEPS;
    const size = Math.ceil(bytes / step) * step;
    const found = free.get(size)?.pop();
    if (found === undefined) return Buffer.allocUnsafeSlow(size);
    freeBytes -= size;
    return found;
  },

  /** Nothing reads it any more. */
  giveBack(memory: Buffer): void {
    const { length } = memory;
    const isOwn = length === memory.buffer.byteLength && length <= MOST_BYTES;
    if (length < LEAST_BYTES || !isOwn || freeBytes + length > MAX_FREE_BYTES) return;
    freeBytes += length;
    const alike = free.get(length);
    if (alike === undefined) free.set(length, [memory]);
    else alike.push(memory);
  },
};

/** Of what is smaller, letting go at once costs more than it saves. */
const LEAST_PART = 16 << 10;

/**
 * Gives the memory of a body's parts back, which nobody reads any more: they are small objects, of
 * which the garbage collector would let many bodies' pile up.
 */
export function releaseParts(parts: readonly Uint8Array[]): void {
  for (const part of parts) {
    if (part.length >= LEAST_PART) releaseBytes(part);
  }
}

/** V8 begins to collect all of its heap when so much more lies outside of it than at its last collection. */
const TOO_MUCH_OUTSIDE = 80 << 20;

/**
 * Has the garbage collector look at the whole heap, in steps, between which others have their turns. After a great many
 * objects have gone at once that were there for long it would else wait for the heap to have grown by as much again.
 */
export function collectSoon(): void {
  try {
    // It is not written to, so that it is only a number.
    releaseBytes(Buffer.allocUnsafeSlow(TOO_MUCH_OUTSIDE));
  } catch {
    // Where there is no room for that, collections are frequent.
  }
}
