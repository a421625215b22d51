import { ByteBuffer } from 'flatbuffers';

/** Why bytes are not the model they should be; the caller makes it an OnliteError. */
export class FlatbufferError extends Error {}

/**
 * What a file's tables may describe, in bytes for each byte of it and beyond that. Parts of a
 * flatbuffer can be shared, so a few hostile bytes can describe far more than there are bytes.
 */
const BUDGET_SHARE = 4;
const LEAST_BUDGET = 2 ** 20;

/** A table is an offset to it and one to its field list at least. */
const TABLE_BYTES = 8;

/**
 * A bounds-checked view of a flatbuffer. The `flatbuffers` package reads whatever an offset points
 * to and returns `undefined`-made numbers past the end; every read here is checked first, so damage
 * throws and no read leaves the buffer.
 */
export class Flatbuffer {
  private readonly buffer: ByteBuffer;
  private budget: number;

  constructor(readonly bytes: Uint8Array) {
    this.buffer = new ByteBuffer(bytes);
    this.budget = LEAST_BUDGET + BUDGET_SHARE * bytes.length;
  }

  get size(): number {
    return this.bytes.length;
  }

  check(offset: number, length: number): void {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.bytes.length)) {
      throw new FlatbufferError(`offset ${offset} is outside the file`);
    }
  }

  /** Counts bytes that something described takes. */
  spend(byteLength: number): void {
    this.budget -= byteLength;
    if (this.budget < 0) throw new FlatbufferError('it describes more than its size allows');
  }

  int8(offset: number): number {
    this.check(offset, 1);
    return this.buffer.readInt8(offset);
  }

  uint8(offset: number): number {
    this.check(offset, 1);
    return this.buffer.readUint8(offset);
  }

  uint16(offset: number): number {
    this.check(offset, 2);
    return this.buffer.readUint16(offset);
  }

  int16(offset: number): number {
    this.check(offset, 2);
    return this.buffer.readInt16(offset);
  }

  int32(offset: number): number {
    this.check(offset, 4);
    return this.buffer.readInt32(offset);
  }

  uint32(offset: number): number {
    this.check(offset, 4);
    return this.buffer.readUint32(offset);
  }

  int64(offset: number): bigint {
    this.check(offset, 8);
    return this.buffer.readInt64(offset);
  }

  uint64(offset: number): bigint {
    this.check(offset, 8);
    return this.buffer.readUint64(offset);
  }

  float32(offset: number): number {
    this.check(offset, 4);
    return this.buffer.readFloat32(offset);
  }

  float64(offset: number): number {
    this.check(offset, 8);
    return this.buffer.readFloat64(offset);
  }

  text(offset: number, length: number): string {
    this.check(offset, length);
    this.spend(length);
    const { buffer, byteOffset } = this.bytes;
    return Buffer.from(buffer, byteOffset + offset, length).toString('utf8');
  }

  /** Follows the relative offset at `offset`. */
  follow(offset: number): number {
    const target = offset + this.uint32(offset);
    this.check(target, 4);
    return target;
  }

  root(): Table {
    return new Table(this, this.follow(0));
  }
}

/** One table: fields by their position in the schema. */
export class Table {
  private readonly vtable: number;
  private readonly vtableSize: number;

  constructor(
    readonly buffer: Flatbuffer,
    readonly position: number,
  ) {
    buffer.spend(TABLE_BYTES);
    this.vtable = position - buffer.int32(position);
    this.vtableSize = buffer.uint16(this.vtable);
    if (this.vtableSize < 4) throw new FlatbufferError('a table has no field list');
    buffer.check(this.vtable, this.vtableSize);
  }

  /** How many fields the table's list has room for. */
  get fieldCount(): number {
    return (this.vtableSize - 4) >> 1;
  }

  /** Bytes from the table's position on that hold its fields. */
  get byteLength(): number {
    return this.buffer.uint16(this.vtable + 2);
  }

  /** Where the field's value lies, or undefined when the table has its default. */
  field(index: number): number | undefined {
    const slot = 4 + 2 * index;
    if (slot + 2 > this.vtableSize) return undefined;
    const offset = this.buffer.uint16(this.vtable + slot);
    return offset === 0 ? undefined : this.position + offset;
  }

  int8(index: number, fallback = 0): number {
    const at = this.field(index);
    return at === undefined ? fallback : this.buffer.int8(at);
  }

  uint8(index: number, fallback = 0): number {
    const at = this.field(index);
    return at === undefined ? fallback : this.buffer.uint8(at);
  }

  bool(index: number): boolean {
    return this.uint8(index) !== 0;
  }

  int32(index: number, fallback = 0): number {
    const at = this.field(index);
    return at === undefined ? fallback : this.buffer.int32(at);
  }

  uint32(index: number, fallback = 0): number {
    const at = this.field(index);
    return at === undefined ? fallback : this.buffer.uint32(at);
  }

  int64(index: number): bigint {
    const at = this.field(index);
    return at === undefined ? 0n : this.buffer.int64(at);
  }

  /** A uint64 that counts bytes. */
  size(index: number): number {
    const at = this.field(index);
    if (at === undefined) return 0;
    const value = Number(this.buffer.uint64(at));
    if (!Number.isSafeInteger(value)) throw new FlatbufferError('a size is out of range');
    return value;
  }

  /** Start and length of a vector whose elements take `width` bytes each. */
  vector(index: number, width: number): { start: number; length: number } | undefined {
    const at = this.field(index);
    if (at === undefined) return undefined;
    const start = this.buffer.follow(at);
    const length = this.buffer.uint32(start);
    this.buffer.check(start + 4, length * width);
    return { start: start + 4, length };
  }

  string(index: number): string | undefined {
    const vector = this.vector(index, 1);
    if (!vector) return undefined;
    return this.buffer.text(vector.start, vector.length);
  }

  /** A view of the file's bytes, not a copy. */
  bytes(index: number): Uint8Array | undefined {
    const vector = this.vector(index, 1);
    return vector && this.buffer.bytes.subarray(vector.start, vector.start + vector.length);
  }

  scalars<T>(index: number, width: number, read: (offset: number) => T): T[] {
    const vector = this.vector(index, width);
    if (!vector) return [];
    this.buffer.spend(vector.length * width);
    return Array.from({ length: vector.length }, (_, i) => read(vector.start + i * width));
  }

  strings(index: number): string[] {
    return this.scalars(index, 4, (offset) => {
      const start = this.buffer.follow(offset);
      return this.buffer.text(start + 4, this.buffer.uint32(start));
    });
  }

  int32s(index: number): number[] {
    return this.scalars(index, 4, (offset) => this.buffer.int32(offset));
  }

  int64s(index: number): bigint[] {
    return this.scalars(index, 8, (offset) => this.buffer.int64(offset));
  }

  float32s(index: number): number[] {
    return this.scalars(index, 4, (offset) => this.buffer.float32(offset));
  }

  table(index: number): Table | undefined {
    const at = this.field(index);
    return at === undefined ? undefined : new Table(this.buffer, this.buffer.follow(at));
  }

  tables(index: number): Table[] {
    return this.scalars(index, 4, (offset) => new Table(this.buffer, this.buffer.follow(offset)));
  }
}
