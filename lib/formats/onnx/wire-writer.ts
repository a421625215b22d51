import type { Segment } from './source';

const BLOCK_BYTES = 1 << 16;

/** Bytes from this length on are referred to, not copied. */
const REFERENCE_BYTES = 4096;

/**
 * Writes values of protobuf's wire format **from the last to the first**: so the length of a message
 * is known when it has to be written, which is before the message. What was written becomes
 * segments, of which the large ones are the caller's own bytes and sources.
 */
export class WireWriter {
  /** Of all that was written. */
  byteLength = 0;
  private readonly segments: Segment[] = [];
  private block = Buffer.alloc(0);
  /** The part of the block that is written begins at `at` and ends at `end`. */
  private at = 0;
  private end = 0;
  /** One integer of 64 bits, its halves, the lower first, and its bytes as they are written. */
  private readonly whole = new BigInt64Array(1);
  private readonly halves = new Uint32Array(this.whole.buffer);
  private readonly scratch = new Uint8Array(10);

  tag(id: number, wireType: number): void {
    this.varint(((id << 3) | wireType) >>> 0);
  }

  /** @param value - an integer from 0 to 2 ** 53 - 1 */
  varint(value: number): void {
    let length = 1;
    for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) length++;
    let at = this.reserve(length);
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.block[at++] = (rest % 128) + 128;
    this.block[at] = rest;
  }

  /** Of negative numbers the 64 bits are written, as protobuf does for int32 too. */
  integer(value: number | bigint): void {
    const asNumber = Number(value);
    if (asNumber >= 0 && asNumber <= Number.MAX_SAFE_INTEGER) {
      this.varint(asNumber);
      return;
    }
    this.whole[0] = BigInt(value);
    let [low = 0, high = 0] = this.halves;
    let length = 0;
    for (; high !== 0 || low >= 128; length++) {
      this.scratch[length] = (low & 127) | 128;
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
    this.scratch[length] = low;
    this.copy(this.scratch.subarray(0, length + 1));
  }

  float(value: number): void {
    const at = this.reserve(4);
    this.block.writeFloatLE(value, at);
  }

  double(value: number): void {
    const at = this.reserve(8);
    this.block.writeDoubleLE(value, at);
  }

  /** Without its length. */
  string(value: string): void {
    const at = this.reserve(Buffer.byteLength(value));
    this.block.write(value, at);
  }

  /** Without their length. */
  bytes(value: Segment): void {
    if (value instanceof Uint8Array && value.byteLength < REFERENCE_BYTES) {
      this.copy(value);
      return;
    }
    this.flush();
    this.segments.push(value);
    this.byteLength += value.byteLength;
  }

  /** All that was written, from the first to the last. */
  finish(): Segment[] {
    this.flush();
    return this.segments.reverse();
  }

  private copy(value: Uint8Array): void {
    const at = this.reserve(value.byteLength);
    this.block.set(value, at);
  }

  private reserve(count: number): number {
    if (this.at < count) {
      this.flush();
      this.block = Buffer.allocUnsafeSlow(Math.max(count, BLOCK_BYTES));
      this.at = this.end = this.block.length;
    }
    this.at -= count;
    this.byteLength += count;
    return this.at;
  }

  private flush(): void {
    if (this.at < this.end) this.segments.push(this.block.subarray(this.at, this.end));
    this.end = this.at;
  }
}
