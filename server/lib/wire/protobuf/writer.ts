import type { NumberArray } from '../json/numbers';

/** What protobuf calls the encodings. */
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/**
 * Writes a message of the protobuf wire format. Values that are a type's default are left out, as
 * proto3 has it; bytes and messages are always written.
 */
export class ProtobufWriter {
  #bytes: Buffer;
  #length = 0;

  /** @param room - what the message will about take: right for what is large, it is written once */
  constructor(room = 256) {
    this.#bytes = Buffer.allocUnsafe(room);
  }

  /** The message. Nothing more may be written. */
  finish(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  get length(): number {
    return this.#length;
  }

  /** A copy of what was written from there on: more may be. */
  since(start: number): Buffer {
    return Buffer.from(this.#bytes.subarray(start, this.#length));
  }

  #reserve(count: number): void {
    const wanted = this.#length + count;
    if (wanted <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(wanted, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }

  /** A whole number of at least 0, as far as it is exact. */
  #varint(value: number): void {
    this.#reserve(10);
    let left = value;
    while (left > 0x7f) {
      this.#bytes[this.#length++] = (left % 0x80) | 0x80;
      left = left < 0x8000_0000 ? left >>> 7 : Math.floor(left / 0x80);
    }
    this.#bytes[this.#length++] = left;
  }

  #bigVarint(value: bigint): void {
    this.#reserve(10);
    let left = BigInt.asUintN(64, value);
    while (left > 0x7fn) {
      this.#bytes[this.#length++] = Number(left & 0x7fn) | 0x80;
      left >>= 7n;
    }
    this.#bytes[this.#length++] = Number(left);
  }

  #integer(value: number | bigint): void {
    if (typeof value === 'number' && value >= 0) this.#varint(value);
    else this.#bigVarint(BigInt(value));
  }

  #tag(field: number, encoding: number): void {
    this.#varint(field * 8 + encoding);
  }

  /** Of any integer type, and an enum. */
  integer(field: number, value: number | bigint): this {
    if (value === 0 || value === 0n) return this;
    this.#tag(field, VARINT);
    this.#integer(value);
    return this;
  }

  bool(field: number, value: boolean): this {
    return this.integer(field, Number(value));
  }

  float(field: number, value: number): this {
    if (Object.is(value, 0)) return this;
    this.#tag(field, FIXED32);
    this.#reserve(4);
    this.#length = this.#bytes.writeFloatLE(value, this.#length);
    return this;
  }

  double(field: number, value: number): this {
    if (Object.is(value, 0)) return this;
    this.#tag(field, FIXED64);
    this.#reserve(8);
    this.#length = this.#bytes.writeDoubleLE(value, this.#length);
    return this;
  }

  string(field: number, value: string): this {
    return value === '' ? this : this.text(field, value);
  }

  /** Also an empty one: an element of a list, or of a oneof. */
  text(field: number, value: string): this {
    const length = Buffer.byteLength(value);
    this.#tag(field, BYTES);
    this.#varint(length);
    this.#reserve(length);
    this.#length += this.#bytes.write(value, this.#length);
    return this;
  }

  /** What comes before bytes that are not written here. */
  bytesHead(field: number, length: number): this {
    this.#tag(field, BYTES);
    this.#varint(length);
    return this;
  }

  bytes(field: number, value: Uint8Array): this {
    this.bytesHead(field, value.length);
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  /** A repeated integer, packed. */
  integers(field: number, values: readonly number[] | NumberArray): this {
    if (values.length === 0) return this;
    return this.message(field, () => {
      for (const value of values) this.#integer(value);
    });
  }

  /** What a function writes, as a message. */
  message(field: number, write: (writer: this) => void): this {
    this.#tag(field, BYTES);
    this.#reserve(1);
    const at = this.#length++;
    write(this);
    const length = this.#length - at - 1;
    if (length <= 0x7f) {
      this.#bytes[at] = length;
      return this;
    }
    // Most messages are short; for others the length needs more room than was left.
    const more = Math.floor(Math.log2(length) / 7);
    this.#reserve(more);
    this.#bytes.copyWithin(at + 1 + more, at + 1, this.#length);
    this.#length = at;
    this.#varint(length);
    this.#length += length;
    return this;
  }
}
