import type { Tensor as CommonTensor } from 'onnxruntime-common';

import { OnliteError, describe } from '../../errors';

/**
 * The typed array (or array) that holds a tensor's data, by element type.
 *
 * - `float16` and `bfloat16` are raw 16-bit patterns; a `float16` tensor also
 *   takes and, where the engine has it, gives a `Float16Array`.
 * - `bool` is one byte an element, 0 or 1.
 * - `int4`, `uint4` and `float4e2m1` hold two elements a byte, `int2` and `uint2`
 *   four, the first in the low bits.
 * - `complex64` and `complex128` are the raw bytes of (real, imaginary) pairs;
 *   the float8 types are raw bytes.
 */
export interface TensorDataMap {
  float32: Float32Array;
  float64: Float64Array;
  float16: Uint16Array;
  bfloat16: Uint16Array;
  int8: Int8Array;
  uint8: Uint8Array;
  int16: Int16Array;
  uint16: Uint16Array;
  int32: Int32Array;
  uint32: Uint32Array;
  int64: BigInt64Array;
  uint64: BigUint64Array;
  bool: Uint8Array;
  string: string[];
  int4: Uint8Array;
  uint4: Uint8Array;
  complex64: Uint8Array;
  complex128: Uint8Array;
  float8e4m3fn: Uint8Array;
  float8e4m3fnuz: Uint8Array;
  float8e5m2: Uint8Array;
  float8e5m2fnuz: Uint8Array;
  float4e2m1: Uint8Array;
  int2: Uint8Array;
  uint2: Uint8Array;
}

/** The name of an element type. */
export type ElementType = keyof TensorDataMap;

/** The element types that onnxruntime-common names too. */
export type CommonElementType = Extract<ElementType, CommonTensor.Type>;

/** Any typed array a tensor's data can be. */
export type NumericData = Exclude<TensorDataMap[ElementType], string[]>;

interface NumericDataConstructor {
  readonly BYTES_PER_ELEMENT: number;
  readonly name: string;
  new (length: number): NumericData;
  new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): NumericData;
  from(values: ArrayLike<unknown>, map?: (value: never) => unknown): NumericData;
}

/** What onlite knows of an element type. */
export interface ElementTypeInfo {
  readonly name: ElementType;
  /** The number that native code uses (native/core/dtype.h). */
  readonly code: number;
  /** Bits of one element; 0 for strings. */
  readonly bits: number;
  /** The class of `data`; undefined for strings. */
  readonly array: NumericDataConstructor | undefined;
  /** Elements of `data` are the tensor's elements, not packed or raw bytes. */
  readonly plain: boolean;
}

const float16Array = (globalThis as { Float16Array?: NumericDataConstructor }).Float16Array;

// The order is native/core/dtype.h's.
const rows: [ElementType, number, unknown, boolean][] = [
  ['float32', 32, Float32Array, true],
  ['float64', 64, Float64Array, true],
  ['float16', 16, float16Array ?? Uint16Array, float16Array !== undefined],
  ['bfloat16', 16, Uint16Array, false],
  ['int8', 8, Int8Array, true],
  ['uint8', 8, Uint8Array, true],
  ['int16', 16, Int16Array, true],
  ['uint16', 16, Uint16Array, true],
  ['int32', 32, Int32Array, true],
  ['uint32', 32, Uint32Array, true],
  ['int64', 64, BigInt64Array, true],
  ['uint64', 64, BigUint64Array, true],
  ['bool', 8, Uint8Array, true],
  ['string', 0, undefined, true],
  ['int4', 4, Uint8Array, false],
  ['uint4', 4, Uint8Array, false],
  ['complex64', 64, Uint8Array, false],
  ['complex128', 128, Uint8Array, false],
  ['float8e4m3fn', 8, Uint8Array, false],
  ['float8e4m3fnuz', 8, Uint8Array, false],
  ['float8e5m2', 8, Uint8Array, false],
  ['float8e5m2fnuz', 8, Uint8Array, false],
  ['float4e2m1', 4, Uint8Array, false],
  ['int2', 2, Uint8Array, false],
  ['uint2', 2, Uint8Array, false],
];

const byCode: readonly ElementTypeInfo[] = rows.map(([name, bits, array, plain], index) => ({
  name,
  code: index + 1,
  bits,
  array: array as NumericDataConstructor | undefined,
  plain,
}));

const byName: ReadonlyMap<string, ElementTypeInfo> = new Map(
  byCode.map((info) => [info.name, info]),
);

/** The element type of a name; undefined if there is none. */
export function elementType(name: unknown): ElementTypeInfo | undefined {
  return typeof name === 'string' ? byName.get(name) : undefined;
}

/** The element type of native code's number; undefined for 0 ("undefined"). */
export function elementTypeOfCode(code: number): ElementTypeInfo | undefined {
  return byCode[code - 1];
}

/** Dimensions a tensor may have; far beyond what either runtime takes. */
export const maxRank = 255;

/** The length `data` must have for `elements` elements. */
export function dataLength(type: ElementTypeInfo, elements: number): number {
  if (type.array === undefined) return elements;
  return Math.ceil((elements * type.bits) / (8 * type.array.BYTES_PER_ELEMENT));
}

/**
 * The number of elements of a shape.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT if a dim is not a non-negative safe
 * integer or there are more elements than a safe integer counts.
 */
export function elementCount(dims: readonly unknown[], path: string): number {
  let count = 1;
  for (let axis = 0; axis < dims.length; axis++) {
    const dim = dims[axis];
    if (typeof dim !== 'number' || !Number.isSafeInteger(dim) || dim < 0) {
      throw new OnliteError(
        'ERR_INVALID_ARGUMENT',
        `${path}[${axis}]: expected a non-negative integer, got ${describe(dim)}`,
      );
    }
    count *= dim;
  }
  if (!Number.isSafeInteger(count)) {
    throw new OnliteError('ERR_INVALID_ARGUMENT', `${path}: too many elements (${count})`);
  }
  return count;
}
