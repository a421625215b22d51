import { memoryPool, releaseParts } from '../memory-pool';
import { Body } from './request';

/** What is smaller is put together when it is wanted. */
const LEAST_BYTES = 64 << 10;

/**
 * A body's parts as they come. Where it is known how many bytes there will be and that they are wanted in one piece,
 * that is made meanwhile: parts that were kept until the end would take as much memory again. It is made when half
 * has come, so that who only says that there will be much costs nothing.
 */
export class Gathering {
  readonly #expected: number;
  readonly #isOwner: boolean;
  #chunks: Uint8Array[] = [];
  #memory: Buffer | undefined;
  #length = 0;

  /**
   * @param expected - bytes, which may be wrong; 0 keeps the parts as they are
   * @param isOwner - nobody else reads the parts
   */
  constructor(expected = 0, isOwner = false) {
    this.#expected = expected >= LEAST_BYTES ? expected : 0;
    this.#isOwner = isOwner;
  }

  get length(): number {
    return this.#length;
  }

  add(chunk: Uint8Array): void {
    const end = this.#length + chunk.length;
    if (this.#memory === undefined) {
      this.#chunks.push(chunk);
      if (end * 2 >= this.#expected && end <= this.#expected) this.#join();
    } else if (this.#chunks.length === 0 && end <= this.#memory.length) {
      this.#memory.set(chunk, this.#length);
      if (this.#isOwner) releaseParts([chunk]);
    } else this.#chunks.push(chunk);
    this.#length = end;
  }

  #join(): void {
    const memory = memoryPool.take(this.#expected);
    let at = 0;
    for (const chunk of this.#chunks) {
      memory.set(chunk, at);
      at += chunk.length;
    }
    this.#memory = memory;
    if (this.#isOwner) releaseParts(this.#chunks);
    this.#chunks = [];
  }

  /** Nothing of it is wanted. */
  discard(): void {
    if (this.#memory !== undefined) memoryPool.giveBack(this.#memory);
    this.#memory = undefined;
    if (this.#isOwner) releaseParts(this.#chunks);
    this.#chunks = [];
  }

  /** All of it, once: nothing is kept here, for this may live as long as the request. */
  body(): Body {
    const [memory, chunks] = [this.#memory, this.#chunks];
    this.#memory = undefined;
    this.#chunks = [];
    const own = this.#isOwner ? chunks : [];
    if (memory === undefined) return new Body(chunks, undefined, own);
    const rest = chunks.reduce((sum, { length }) => sum + length, 0);
    return new Body([memory.subarray(0, this.#length - rest), ...chunks], memory, own);
  }
}
