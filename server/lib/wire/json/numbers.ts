import { OnliteError, parseNumbers, type ElementType } from 'onlite';

import { Letter } from './letters';
import { readNested } from './nested';
import { PlainNumbers } from './plain-numbers';
import type { JsonReader } from './reader';

export type NumberArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/** Element types that JSON has numbers for. */
export type NumberType = Extract<
  ElementType,
  | 'float32'
  | 'float64'
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
>;

interface NumberKind {
  readonly array: new (length: number) => NumberArray;
  /** Of whole numbers; undefined for floats. */
  readonly least: number | undefined;
  readonly most: number;
  readonly isBig: boolean;
}

const float = (array: NumberKind['array']): NumberKind => ({
  array,
  least: undefined,
  most: Infinity,
  isBig: false,
});

const whole = (array: NumberKind['array'], bits: number, isSigned: boolean): NumberKind => ({
  array,
  least: isSigned ? -(2 ** (bits - 1)) : 0,
  most: 2 ** (isSigned ? bits - 1 : bits) - 1,
  isBig: bits === 64,
});

const kinds: Readonly<Record<NumberType, NumberKind>> = {
  float32: float(Float32Array),
  float64: float(Float64Array),
  int8: whole(Int8Array, 8, true),
  uint8: whole(Uint8Array, 8, false),
  int16: whole(Int16Array, 16, true),
  uint16: whole(Uint16Array, 16, false),
  int32: whole(Int32Array, 32, true),
  uint32: whole(Uint32Array, 32, false),
  int64: whole(BigInt64Array, 64, true),
  uint64: whole(BigUint64Array, 64, false),
};

export const isNumberType = (type: ElementType): type is NumberType => Object.hasOwn(kinds, type);

/** Memory for numbers of a type. */
export const emptyNumbers = (type: ElementType, length: number): NumberArray =>
  new (isNumberType(type) ? kinds[type] : kinds.uint8).array(length);

/** Where numbers are put: memory of fixed size, or memory that grows. */
export class NumberSink {
  readonly type: NumberType;
  readonly kind: NumberKind;
  data: NumberArray;
  length = 0;
  readonly #grows: boolean;

  /** @param data - what is to be filled; left out for memory that grows */
  constructor(type: NumberType, data?: NumberArray) {
    this.type = type;
    this.kind = kinds[type];
    this.#grows = data === undefined;
    this.data = data ?? new this.kind.array(4);
  }

  /** Makes room for one more; false if there can be none. */
  hasRoom(): boolean {
    if (this.length < this.data.length) return true;
    if (!this.#grows) return false;
    this.#growTo(Math.max(4, this.data.length * 2));
    return true;
  }

  #growTo(length: number): void {
    const larger = new this.kind.array(length);
    larger.set(this.numbers as never);
    this.data = larger;
  }

  /** The memory that is left, if it is of fixed size. */
  get rest(): NumberArray | undefined {
    return this.#grows ? undefined : this.data.subarray(this.length);
  }

  /** Adds numbers, which are in {@link NumberSink.rest} already if there is one. */
  add(numbers: NumberArray): void {
    if (this.#grows) {
      const wanted = this.length + numbers.length;
      if (this.length === 0) this.data = numbers;
      else {
        if (wanted > this.data.length) this.#growTo(Math.max(wanted, this.data.length * 2));
        this.data.set(numbers as never, this.length);
      }
    }
    this.length += numbers.length;
  }

  /** What was read. */
  get numbers(): NumberArray {
    return this.data.subarray(0, this.length);
  }
}

/** What becomes of NaN and the infinities, which JSON has no numbers for. */
export type NonFinite = 'accept' | 'refuse';

/** How a protocol has numbers besides JSON's. */
export interface NumberRules {
  /** `null` is NaN in floats. */
  readonly nullIsNaN?: boolean;
  /** A whole number may be written as `2.0`, as data frames do. */
  readonly wholeFloats?: boolean;
  /** Default: they are accepted. */
  readonly nonFinite?: NonFinite;
}

const plain = new PlainNumbers();

/** Tensors have no more dimensions. */
const MAX_DEPTH = 64;

/**
 * Reads a number, or arrays of them to any depth, to the end of what a sink has.
 *
 * @returns the shape: empty for a number
 * @throws OnliteError as `parseNumbers`, with the path, for anything else, a number that the type cannot
 *   hold (floats are rounded), and more numbers than there is room for
 */
export function readNumbers(
  reader: JsonReader,
  sink: NumberSink,
  rules: NumberRules = {},
): number[] {
  const few = plain.read(reader.bytes, reader.position, reader.end, sink);
  if (few !== undefined) {
    reader.position = plain.end;
    return few;
  }
  if (rules.nullIsNaN !== true || sink.kind.least !== undefined) {
    return parse(reader, sink, rules);
  }
  const before = sink.length;
  const { position } = reader;
  if (reader.next() === Letter.n) return readNull(reader, sink);
  try {
    return parse(reader, sink, rules);
  } catch (error) {
    const isNull = error instanceof OnliteError && error.code === 'ERR_TYPE_MISMATCH';
    if (!isNull || reader.kind() !== 'array') throw error;
  }
  // A null somewhere: one after the other.
  reader.position = position;
  sink.length = before;
  return readNested(reader, () => readNumbers(reader, sink, rules));
}

function readNull(reader: JsonReader, sink: NumberSink): number[] {
  reader.null();
  if (!sink.hasRoom()) throw reader.fail(`no more than ${sink.length} numbers`);
  sink.data[sink.length++] = NaN;
  return [];
}

function parse(reader: JsonReader, sink: NumberSink, rules: NumberRules): number[] {
  const { wholeFloats = false, nonFinite = 'accept' } = rules;
  const { tensor, end } = parseNumbers<NumberType>(reader.bytes, sink.type, sink.rest, {
    offset: reader.position,
    end: reader.end,
    partial: true,
    path: reader.path,
    maxDepth: Math.min(reader.depthLeft, MAX_DEPTH),
    nonFinite,
    overflow: nonFinite === 'refuse' ? 'refuse' : 'infinity',
    wholeNumbers: wholeFloats,
  });
  sink.add(tensor.data);
  reader.position = end;
  return [...tensor.dims];
}
