import type { TensorSource } from './source';
import type { StableFile } from './stable-file';

/** Why bytes are not a message; the caller says which file it was. */
export class DecodeError extends Error {}

/** What is read of a file at a time: more would read weights that are passed over. */
const WINDOW_BYTES = 1 << 15;

/** What 64 bits take, seven in each byte. */
const MAX_VARINT_BYTES = 10;

/** Raw data from this size on stay in the file. */
const SOURCE_BYTES = 4096;

/**
 * Reads values of protobuf's wire format, of bytes in memory or of a file of which it holds a window
 * only. Nothing is read beyond the end of the message that is being read.
 *
 * @see https://protobuf.dev/programming-guides/encoding/
 */
export class WireReader {
  private window: Buffer;
  /** Where in the input the window begins, and where in the window the next byte is. */
  private start = 0;
  private at = 0;
  private end: number;
  /** The halves of the varint read last. */
  private low = 0;
  private high = 0;

  constructor(private readonly input: Uint8Array | StableFile) {
    this.end = input.byteLength;
    this.window =
      input instanceof Uint8Array
        ? Buffer.from(input.buffer, input.byteOffset, input.byteLength)
        : Buffer.alloc(0);
  }

  /** Bytes that the message being read has left. */
  get left(): number {
    return this.end - this.start - this.at;
  }

  /** Begins the message that comes next, and gives what {@link leave} takes after its last byte. */
  enter(): number {
    const { end } = this;
    const length = this.length();
    this.end = this.start + this.at + length;
    return end;
  }

  leave(end: number): void {
    this.end = end;
  }

  tag(): { id: number; wireType: number } {
    this.varint();
    if (this.high !== 0 || this.low < 8) throw new DecodeError('a field has no valid number');
    return { id: this.low >>> 3, wireType: this.low & 7 };
  }

  int32(): number {
    this.varint();
    return this.low | 0;
  }

  /** An int64 as a number. */
  count(name: string): number {
    this.varint();
    const value = this.high * 0x1_0000_0000 + this.low;
    if (!Number.isSafeInteger(value)) throw new DecodeError(`${name}: ${value} is out of range`);
    return value;
  }

  int64(): bigint {
    this.varint();
    return this.high === 0 ? BigInt(this.low) : (BigInt(this.high) << 32n) | BigInt(this.low);
  }

  uint64(): bigint {
    return BigInt.asUintN(64, this.int64());
  }

  float(): number {
    const at = this.take(4);
    return this.window.readFloatLE(at);
  }

  double(): number {
    const at = this.take(8);
    return this.window.readDoubleLE(at);
  }

  string(): string {
    const length = this.length();
    const at = this.take(length);
    return this.window.toString('utf8', at, at + length);
  }

  /** A view of bytes in memory, a copy of a file's. */
  bytes(length = this.length()): Uint8Array {
    if (this.input instanceof Uint8Array) {
      const at = this.take(length);
      return this.window.subarray(at, at + length);
    }
    return this.copy(length);
  }

  /** Bytes that stay in the file if they are many. */
  data(): Uint8Array | TensorSource {
    const length = this.length();
    if (this.input instanceof Uint8Array || length < SOURCE_BYTES) return this.bytes(length);
    const source = this.input.source(this.start + this.at, length);
    this.at += length;
    return source;
  }

  packedFloats(): Float32Array {
    return new Float32Array(this.packedBytes(4));
  }

  packedDoubles(): Float64Array {
    return new Float64Array(this.packedBytes(8));
  }

  packedInt32(): Int32Array {
    const values = new Int32Array(this.packedVarints());
    for (let index = 0; index < values.length; index++) values[index] = this.int32();
    return values;
  }

  packedInt64(): BigInt64Array {
    const values = new BigInt64Array(this.packedVarints());
    const halves = new Int32Array(values.buffer);
    for (let index = 0; index < halves.length; index += 2) {
      this.varint();
      halves[index] = this.low;
      halves[index + 1] = this.high;
    }
    return values;
  }

  packedUint64(): BigUint64Array {
    return new BigUint64Array(this.packedInt64().buffer);
  }

  /** A copy, because a view would have to be aligned. */
  private packedBytes(size: number): ArrayBuffer {
    const length = this.length();
    if (length % size !== 0) throw new DecodeError('packed values are cut in the middle of one');
    return this.copy(length).buffer;
  }

  private copy(length: number): Uint8Array<ArrayBuffer> {
    const copy = new Uint8Array(length);
    if (this.input instanceof Uint8Array || length < WINDOW_BYTES) {
      const at = this.take(length);
      copy.set(this.window.subarray(at, at + length));
    } else {
      this.input.read(copy, this.start + this.at);
      this.at += length;
    }
    return copy;
  }

  /** The number of packed varints that come next; all of them are in the window then. */
  private packedVarints(): number {
    const length = this.length();
    const at = this.take(length);
    const end = at + length;
    const { window } = this;
    let count = 0;
    // By index: an iterator over as many bytes takes most of the time of reading them.
    for (let index = at; index < end; index++) count += (window[index] ?? 0) < 128 ? 1 : 0;
    if (length > 0 && (window[end - 1] ?? 0) >= 128) {
      throw new DecodeError('packed values are cut in the middle of one');
    }
    this.at = at;
    return count;
  }

  private length(): number {
    this.varint();
    const late = this.high === 0 ? this.low - this.left : Infinity;
    if (late > 0) throw new DecodeError(`a field ends ${late} bytes too late`);
    return this.low;
  }

  private varint(): void {
    // Once for all the bytes that a varint can have, where that is allowed.
    const isNear =
      this.left >= MAX_VARINT_BYTES && this.at + MAX_VARINT_BYTES <= this.window.length;
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 7 * MAX_VARINT_BYTES; shift += 7) {
      const at = isNear ? this.at++ : this.take(1);
      const byte = this.window[at] ?? 0;
      const bits = byte & 127;
      if (shift < 28) {
        low |= bits << shift;
      } else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else {
        high |= bits << (shift - 32);
      }
      if (byte < 128) {
        this.low = low >>> 0;
        this.high = high;
        return;
      }
    }
    throw new DecodeError(`a number has more than ${MAX_VARINT_BYTES} bytes`);
  }

  /** Passes `count` bytes, and gives the place where they are in the window, which may be another. */
  private take(count: number): number {
    if (count > this.left) throw new DecodeError('a message is cut in the middle of a field');
    if (this.at + count > this.window.length) this.refill(count);
    const { at } = this;
    this.at += count;
    return at;
  }

  private refill(count: number): void {
    const file = this.input as StableFile;
    this.start += this.at;
    this.at = 0;
    const size = Math.min(Math.max(count, WINDOW_BYTES), file.byteLength - this.start);
    if (this.window.length !== size) this.window = Buffer.alloc(size);
    file.read(this.window, this.start);
  }
}
