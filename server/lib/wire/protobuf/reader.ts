import { isUtf8 } from 'node:buffer';

/** Bytes are no message of the kind that was expected; gRPC has the status INTERNAL for it. */
export class ProtobufError extends Error {
  override readonly name = 'ProtobufError';
}

/** How a field's value is encoded, as bits: a repeated number may come by itself or packed. */
export const Wire = {
  varint: 1 << 0,
  fixed64: 1 << 1,
  bytes: 1 << 2,
  fixed32: 1 << 5,
  varints: (1 << 0) | (1 << 2),
  fixed64s: (1 << 1) | (1 << 2),
  fixed32s: (1 << 5) | (1 << 2),
} as const;

/** The fields that are read of a message: encodings by number. All others are skipped. */
export type Fields = readonly (number | undefined)[];

export function fieldsOf(encodings: Readonly<Record<number, number>>): Fields {
  const fields: (number | undefined)[] = [];
  for (const [field, encoding] of Object.entries(encodings)) fields[Number(field)] = encoding;
  return fields;
}

/**
 * Fields of a message, those of messages in it among them. Two bytes are a field, and what is made of each
 * takes a hundred times as much: without a limit a small compressed message would take all memory.
 */
const MAX_FIELDS = 1 << 19;

/** Of a repeated int64, which is a shape. */
const MAX_INT64S = 1024;

/** What a message may still have. */
interface Budget {
  fields: number;
}

/** Protobuf's own parsers take as many messages inside each other. */
const MAX_DEPTH = 100;

const GROUP_START = 3;
const GROUP_END = 4;

/**
 * Reads a message of the protobuf wire format: `next` goes to a field, and then its value has to be read
 * with the method for its type. As in all parsers, fields that are not known or have another encoding
 * are skipped, and of a single one that comes twice the last counts.
 */
export class ProtobufReader {
  /** The number of the field whose value comes next. */
  field = 0;
  readonly #bytes: Buffer;
  readonly #depth: number;
  readonly #budget: Budget;
  #position = 0;
  #wire = 0;
  /** Of the varint that was read last. */
  #low = 0;
  #high = 0;

  constructor(bytes: Buffer, depth = 0, budget: Budget = { fields: MAX_FIELDS }) {
    if (depth > MAX_DEPTH) throw new ProtobufError('messages are nested too deeply');
    this.#bytes = bytes;
    this.#depth = depth;
    this.#budget = budget;
  }

  /** Goes to the next field that is known; false at the end. */
  next(fields: Fields): boolean {
    while (this.#position < this.#bytes.length) {
      this.#readTag();
      const encodings = fields[this.field] ?? 0;
      if ((encodings & (1 << this.#wire)) !== 0) {
        if (this.#budget.fields-- > 0) return true;
        throw new ProtobufError(`a message has more than ${MAX_FIELDS} fields`);
      }
      this.#skip(this.#depth);
    }
    return false;
  }

  #readTag(): void {
    this.#varint();
    this.field = this.#low >>> 3;
    this.#wire = this.#low & 7;
    if (this.#high !== 0 || this.field === 0) throw new ProtobufError('there is no such field');
  }

  #skip(depth: number): void {
    switch (this.#wire) {
      case 0:
        this.#varint();
        return;
      case 1:
        this.#take(8);
        return;
      case 2:
        this.bytes();
        return;
      case GROUP_START:
        this.#skipGroup(depth + 1);
        return;
      case 5:
        this.#take(4);
        return;
      default:
        throw new ProtobufError('there is no such encoding');
    }
  }

  #skipGroup(depth: number): void {
    if (depth > MAX_DEPTH) throw new ProtobufError('groups are nested too deeply');
    const group = this.field;
    for (;;) {
      this.#readTag();
      if (this.#wire === GROUP_END) break;
      this.#skip(depth);
    }
    if (this.field !== group) throw new ProtobufError('a group ends as another');
  }

  /** Where so many bytes begin, which are read by this. */
  #take(count: number): number {
    const start = this.#position;
    if (count > this.#bytes.length - start) throw new ProtobufError('a value is cut off');
    this.#position = start + count;
    return start;
  }

  #varint(): void {
    const bytes = this.#bytes;
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = bytes[this.#position];
      if (byte === undefined) throw new ProtobufError('a number is cut off');
      this.#position++;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else {
        if (shift === 63 && bits > 1) break;
        high |= bits << (shift - 32);
      }
      if (byte < 0x80) {
        this.#low = low;
        this.#high = high;
        return;
      }
    }
    throw new ProtobufError('a number has more than 64 bits');
  }

  bool(): boolean {
    this.#varint();
    return (this.#low | this.#high) !== 0;
  }

  /** An int32 or an enum's value. */
  int32(): number {
    this.#varint();
    return this.#low;
  }

  /** Exact up to 2⁵³; what is larger is no safe integer and cannot be taken for another. */
  int64(): number {
    this.#varint();
    return this.#high * 0x1_0000_0000 + (this.#low >>> 0);
  }

  int64Exact(): bigint {
    this.#varint();
    return (BigInt(this.#high) << 32n) | BigInt(this.#low >>> 0);
  }

  uint64Exact(): bigint {
    return BigInt.asUintN(64, this.int64Exact());
  }

  float(): number {
    return this.#bytes.readFloatLE(this.#take(4));
  }

  double(): number {
    return this.#bytes.readDoubleLE(this.#take(8));
  }

  /** Not copied. */
  bytes(): Buffer {
    this.#varint();
    const length = (this.#high >>> 0) * 0x1_0000_0000 + (this.#low >>> 0);
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  string(): string {
    const bytes = this.bytes();
    if (!isUtf8(bytes)) throw new ProtobufError('a string is no UTF-8');
    return bytes.toString();
  }

  message(): ProtobufReader {
    return new ProtobufReader(this.bytes(), this.#depth + 1, this.#budget);
  }

  /** Adds the values of a repeated int64, as {@link int64}. */
  int64s(list: number[]): void {
    this.#each((reader) => {
      if (list.length === MAX_INT64S) throw new ProtobufError(`more than ${MAX_INT64S} dimensions`);
      list.push(reader.int64());
    });
  }

  /** Calls for each value of a repeated number, which it has to read. */
  #each(read: (reader: ProtobufReader) => void): void {
    if (this.#wire !== 2) {
      read(this);
      return;
    }
    const packed = this.message();
    while (!packed.isAtEnd) read(packed);
  }

  get isAtEnd(): boolean {
    return this.#position === this.#bytes.length;
  }

  /** The bytes of a repeated number of fixed size, of one value or of packed ones. */
  fixed(size: 4 | 8): Buffer {
    if (this.#wire !== 2) {
      const start = this.#take(size);
      return this.#bytes.subarray(start, start + size);
    }
    const bytes = this.bytes();
    if (bytes.length % size === 0) return bytes;
    throw new ProtobufError('packed numbers are cut off');
  }

  /**
   * Puts the values of a repeated varint into memory that a function makes room in: the low and the high
   * half of each.
   */
  varints(reserve: (count: number) => (low: number, high: number) => void): void {
    if (this.#wire !== 2) {
      const put = reserve(1);
      this.#varint();
      put(this.#low, this.#high);
      return;
    }
    const bytes = this.bytes();
    let count = 0;
    for (const byte of bytes) if (byte < 0x80) count++;
    const put = reserve(count);
    const packed = new ProtobufReader(bytes, this.#depth);
    while (!packed.isAtEnd) {
      packed.#varint();
      put(packed.#low, packed.#high);
    }
  }
}
