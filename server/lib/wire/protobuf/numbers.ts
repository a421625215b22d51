import type { NumberArray } from '../json/numbers';
import type { ProtobufReader } from './reader';

/** The kinds of repeated numbers that tensors come in. */
export type ListKind = 'bool' | 'int32' | 'int64' | 'uint32' | 'uint64' | 'float' | 'double';

const arrays: Readonly<Record<ListKind, new (length: number) => NumberArray>> = {
  bool: Uint8Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
  float: Float32Array,
  double: Float64Array,
};

/** The values of a repeated field, as it comes in pieces. No more memory than 8 times its bytes. */
export class NumberList {
  readonly kind: ListKind;
  length = 0;
  #data: NumberArray;

  constructor(kind: ListKind) {
    this.kind = kind;
    this.#data = new arrays[kind](0);
  }

  get numbers(): NumberArray {
    return this.#data.subarray(0, this.length);
  }

  /** Adds what a reader has for the field that it is at. */
  read(reader: ProtobufReader): void {
    switch (this.kind) {
      case 'float':
        this.#addBytes(reader.fixed(4), 4);
        return;
      case 'double':
        this.#addBytes(reader.fixed(8), 8);
        return;
      default:
        reader.varints((count) => this.#putter(count));
    }
  }

  #reserve(count: number): void {
    const wanted = this.length + count;
    if (wanted <= this.#data.length) return;
    // Single values come one by one, packed ones usually all at once.
    const room = count === 1 ? Math.max(8, this.#data.length * 2) : wanted;
    const larger = new arrays[this.kind](room);
    larger.set(this.numbers as never);
    this.#data = larger;
  }

  #addBytes(bytes: Uint8Array, size: number): void {
    this.#reserve(bytes.length / size);
    const { buffer } = this.#data;
    new Uint8Array(buffer, this.length * size, bytes.length).set(bytes);
    this.length += bytes.length / size;
  }

  #putter(count: number): (low: number, high: number) => void {
    this.#reserve(count);
    const data = this.#data;
    if (this.kind === 'bool') {
      return (low, high) => {
        data[this.length++] = Number((low | high) !== 0);
      };
    }
    if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
      // The halves as they lie in memory, without a bigint for each.
      const halves = new Int32Array(data.buffer);
      return (low, high) => {
        const at = 2 * this.length++;
        halves[at] = low;
        halves[at + 1] = high;
      };
    }
    return (low) => {
      data[this.length++] = low;
    };
  }
}
