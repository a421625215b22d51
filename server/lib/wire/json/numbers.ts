import type { ElementType } from 'onlite';

import type { JsonReader } from './reader';
import { Letter } from './letters';
import { readNested } from './nested';
import { endOfNumber, endOfNumbers } from './number-token';

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
  readonly range: readonly [bigint, bigint] | undefined;
  readonly isBig: boolean;
}

const whole = (array: NumberKind['array'], bits: bigint, isSigned: boolean): NumberKind => ({
  array,
  range: isSigned ? [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n] : [0n, (1n << bits) - 1n],
  isBig: bits === 64n,
});

const kinds: Readonly<Record<NumberType, NumberKind>> = {
  float32: { array: Float32Array, range: undefined, isBig: false },
  float64: { array: Float64Array, range: undefined, isBig: false },
  int8: whole(Int8Array, 8n, true),
  uint8: whole(Uint8Array, 8n, false),
  int16: whole(Int16Array, 16n, true),
  uint16: whole(Uint16Array, 16n, false),
  int32: whole(Int32Array, 32n, true),
  uint32: whole(Uint32Array, 32n, false),
  int64: whole(BigInt64Array, 64n, true),
  uint64: whole(BigUint64Array, 64n, false),
};

export const isNumberType = (type: ElementType): type is NumberType => Object.hasOwn(kinds, type);

/** Where numbers are put: memory of fixed size, or memory that grows up to a limit. */
export class NumberSink {
  readonly type: NumberType;
  data: NumberArray;
  length = 0;
  readonly #grows: boolean;

  /** @param data - what is to be filled; left out for memory that grows */
  constructor(type: NumberType, data?: NumberArray) {
    this.type = type;
    this.#grows = data === undefined;
    this.data = data ?? new kinds[type].array(64);
  }

  /** Makes room for one more; false if there can be none. */
  hasRoom(): boolean {
    if (this.length < this.data.length) return true;
    if (!this.#grows) return false;
    const larger = new kinds[this.type].array(this.data.length * 2);
    larger.set(this.data as never);
    this.data = larger;
    return true;
  }

  /** What was read. */
  get numbers(): NumberArray {
    return this.data.subarray(0, this.length);
  }
}

/** How a protocol has numbers besides JSON's. */
export interface NumberRules {
  /** `null` is NaN in floats. */
  readonly nullIsNaN?: boolean;
  /** A whole number may be written as `2.0`, as data frames do. */
  readonly wholeFloats?: boolean;
}

/**
 * Reads a number, or arrays of them to any depth, to the end of what a sink has.
 *
 * @returns the shape: empty for a number
 * @throws RequestError for anything else, a number that the type cannot hold (floats are rounded), and
 *   more numbers than there is room for
 */
export function readNumbers(
  reader: JsonReader,
  sink: NumberSink,
  rules: NumberRules = {},
): number[] {
  const { range, isBig } = kinds[sink.type];
  if (range === undefined && rules.nullIsNaN !== true) {
    const shape = readFloats(reader, sink);
    if (shape !== undefined) return shape;
  }
  const readOne =
    range === undefined
      ? () => readFloat(reader, rules)
      : isBig
        ? () => readBig(reader, sink.type, range, rules)
        : () => readWhole(reader, sink.type, Number(range[0]), Number(range[1]), rules);
  return readNested(reader, () => {
    if (!sink.hasRoom()) throw reader.fail(`no more than ${sink.data.length} numbers`);
    sink.data[sink.length++] = readOne();
  });
}

/** Shorter arrays are read as quickly one by one. */
const MANY_BYTES = 512;

/**
 * Reads arrays of floats as `JSON.parse` does, which is several times as quick; undefined where there is
 * anything wrong or special about them, which is then found one by one.
 */
function readFloats(reader: JsonReader, sink: NumberSink): number[] | undefined {
  if (reader.next() !== Letter.openBracket) return undefined;
  const { bytes, position } = reader;
  const end = endOfNumbers(bytes, position, reader.end, reader.depthLeft);
  if (end < position + MANY_BYTES) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('latin1', position, end));
  } catch {
    return undefined;
  }
  const before = sink.length;
  const shape: number[] = [];
  for (let axis = value; Array.isArray(axis); axis = axis[0] as unknown) shape.push(axis.length);
  if (fill(value, 0, shape, sink)) {
    reader.position = end;
    return shape;
  }
  sink.length = before;
  return undefined;
}

/** Adds the numbers of arrays of a shape; false for anything else. */
function fill(value: unknown, axis: number, shape: readonly number[], sink: NumberSink): boolean {
  if (!Array.isArray(value) || value.length !== shape[axis]) return false;
  if (axis < shape.length - 1) return value.every((part) => fill(part, axis + 1, shape, sink));
  for (const element of value as unknown[]) {
    if (typeof element !== 'number' || !sink.hasRoom()) return false;
    sink.data[sink.length++] = element;
  }
  return true;
}

/** Powers of ten that a double holds exactly. */
const exactPowers = Array.from({ length: 23 }, (_, power) => Number(`1e${power}`));

function readFloat(reader: JsonReader, rules: NumberRules): number {
  const { bytes, end } = reader;
  const start = (reader.next(), reader.position);
  if (rules.nullIsNaN === true && bytes[start] === Letter.n) {
    reader.null();
    return NaN;
  }
  const after = endOfNumber(bytes, start, end);
  if (after < 0) throw reader.fail('a number');
  reader.position = after;
  return exactFloat(bytes, start, after) ?? Number(bytes.toString('latin1', start, after));
}

/**
 * A decimal of 15 digits or fewer without an exponent: its digits and the power of ten below them are
 * exact doubles, so that their quotient is rounded once (Clinger, "How to read floating point numbers
 * accurately", 1990).
 */
function exactFloat(bytes: Buffer, start: number, end: number): number | undefined {
  const isNegative = bytes[start] === Letter.minus;
  const first = isNegative ? start + 1 : start;
  if (end - first > 16) return undefined;
  let digits = 0;
  let fraction = -1;
  for (let position = first; position < end; position++) {
    const letter = bytes[position] ?? 0;
    if (letter === Letter.dot) fraction = position + 1;
    else if (letter > Letter.nine) return undefined;
    else digits = digits * 10 + (letter - Letter.zero);
  }
  if (fraction < 0 && end - first > 15) return undefined;
  const value = fraction < 0 ? digits : digits / (exactPowers[end - fraction] ?? 1);
  return isNegative ? -value : value;
}

function wholeText(reader: JsonReader, type: NumberType, rules: NumberRules): string {
  const { bytes, end } = reader;
  const start = (reader.next(), reader.position);
  const after = endOfNumber(bytes, start, end);
  if (after < 0) throw reader.fail(`a whole number for ${type}`, start);
  const text = bytes.toString('latin1', start, after);
  reader.position = after;
  if (/^-?\d+$/.test(text)) return text;
  const value = Number(text);
  if (rules.wholeFloats === true && Number.isSafeInteger(value)) return String(value);
  throw reader.fail(`a whole number for ${type}`, start);
}

function readWhole(
  reader: JsonReader,
  type: NumberType,
  least: number,
  most: number,
  rules: NumberRules,
): number {
  const start = (reader.next(), reader.position);
  const value = Number(wholeText(reader, type, rules));
  if (value >= least && value <= most) return value;
  throw reader.fail(`${type} from ${least} to ${most}`, start);
}

function readBig(
  reader: JsonReader,
  type: NumberType,
  [least, most]: readonly [bigint, bigint],
  rules: NumberRules,
): bigint {
  const start = (reader.next(), reader.position);
  const text = wholeText(reader, type, rules);
  // Longer than the longest that fits, of digits that BigInt would take long for.
  const value = text.length > 20 ? undefined : BigInt(text);
  if (value !== undefined && value >= least && value <= most) return value;
  throw reader.fail(`${type} from ${least} to ${most}`, start);
}
