import { memoryPool } from '../memory-pool';
import { CallFailure, Status } from './status';

/** Bytes before each message: whether it is compressed, and its length. */
export const PREFIX_BYTES = 5;

/** Memory for a message that is said to be longer is made when so much of it has come. */
const FIRST_BYTES = 1 << 20;

/** A message as it came. */
export interface ReceivedMessage {
  readonly bytes: Buffer;
  readonly isCompressed: boolean;
  /** What its bytes are in, to be given back when nothing reads them any more. */
  readonly memory: Buffer | undefined;
}

/** Takes messages out of the data of a call, in which they have a length before them. */
export class MessageReader {
  readonly #maxBytes: number;
  readonly #prefix = Buffer.allocUnsafe(PREFIX_BYTES);
  #prefixLength = 0;
  #length = 0;
  #message: Buffer | undefined;
  #received = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Data may end here. */
  get isBetween(): boolean {
    return this.#prefixLength === 0;
  }

  /**
   * @returns whether a message that was told of is where the bytes are
   * @throws CallFailure RESOURCE_EXHAUSTED for a message that is too long, INTERNAL for what is none
   */
  read(bytes: Buffer, tell: (message: ReceivedMessage) => void): boolean {
    let isKept = false;
    let at = 0;
    while (at < bytes.length) {
      if (this.#prefixLength < PREFIX_BYTES) {
        at = this.#readPrefix(bytes, at);
        if (this.#prefixLength < PREFIX_BYTES) return isKept;
      }
      const left = this.#length - this.#received;
      const end = Math.min(bytes.length, at + left);
      if (this.#message === undefined && end - at === left) {
        isKept = true;
        tell(this.#whole(bytes.subarray(at, end), undefined));
      } else {
        const memory = this.#roomFor(end - at);
        memory.set(bytes.subarray(at, end), this.#received);
        this.#received += end - at;
        if (this.#received === this.#length)
          tell(this.#whole(memory.subarray(0, this.#length), memory));
      }
      at = end;
    }
    return isKept;
  }

  #readPrefix(bytes: Buffer, at: number): number {
    const count = Math.min(PREFIX_BYTES - this.#prefixLength, bytes.length - at);
    bytes.copy(this.#prefix, this.#prefixLength, at, at + count);
    this.#prefixLength += count;
    if (this.#prefixLength < PREFIX_BYTES) return at + count;
    if ((this.#prefix[0] ?? 0) > 1) {
      throw new CallFailure(Status.INTERNAL, 'what comes is no message of gRPC');
    }
    this.#length = this.#prefix.readUInt32BE(1);
    if (this.#length > this.#maxBytes) {
      const what = `a message has ${this.#length} bytes, more than ${this.#maxBytes}`;
      throw new CallFailure(Status.RESOURCE_EXHAUSTED, what);
    }
    return at + count;
  }

  #roomFor(count: number): Buffer {
    const wanted = this.#received + count;
    const before = this.#message;
    if (before !== undefined && wanted <= before.length) return before;
    const room = Math.max(wanted, FIRST_BYTES, this.#received * 2);
    const memory = memoryPool.take(Math.min(this.#length, room));
    if (before !== undefined) {
      before.copy(memory, 0, 0, this.#received);
      memoryPool.giveBack(before);
    }
    this.#message = memory;
    return memory;
  }

  #whole(bytes: Buffer, memory: Buffer | undefined): ReceivedMessage {
    this.#message = undefined;
    this.#received = 0;
    this.#prefixLength = 0;
    return { bytes, isCompressed: this.#prefix[0] === 1, memory };
  }

  /** What has come of a message is not wanted any more. */
  discard(): void {
    if (this.#message !== undefined) memoryPool.giveBack(this.#message);
    this.#message = undefined;
  }
}
