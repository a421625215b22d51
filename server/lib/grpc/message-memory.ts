/** What is smaller is made anew each time. */
const LEAST_BYTES = 64 << 10;

/** What is kept for later. */
const MAX_FREE_BYTES = 32 << 20;

/**
 * Memory that large messages are put together in. Making it anew for each would cost more than to copy them:
 * the system clears pages before it gives them away.
 */
export class MessageMemory {
  readonly #free = new Map<number, Buffer[]>();
  #freeBytes = 0;

  /** Of at least so many bytes. */
  take(bytes: number): Buffer {
    if (bytes < LEAST_BYTES) return Buffer.allocUnsafe(bytes);
    const size = 2 ** Math.ceil(Math.log2(bytes));
    const found = this.#free.get(size)?.pop();
    if (found === undefined) return Buffer.allocUnsafeSlow(size);
    this.#freeBytes -= size;
    return found;
  }

  /** Nothing reads it any more. */
  giveBack(memory: Buffer): void {
    const { length } = memory;
    if (length < LEAST_BYTES || this.#freeBytes + length > MAX_FREE_BYTES) return;
    this.#freeBytes += length;
    const free = this.#free.get(length);
    if (free === undefined) this.#free.set(length, [memory]);
    else free.push(memory);
  }
}
