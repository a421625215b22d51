import {
  dataLength,
  elementCount,
  elementTypeOfCode,
  type ElementTypeInfo,
  type NumericData,
} from './element-type';
import { OnliteError } from '../../errors';
import { nativeArray } from '../run/feeds';
import { fillFetch, type Result } from '../run/fetches';
import { newArray } from './memory';
import { native, type NativeHeld, type NativeValue } from '../addon/native';
import { acquireFrom, type TensorPool } from './pool/tensor-pool';
import { Tensor, dataOf, isTensor } from './tensor';

/** The key or value of an ONNX map. */
export type MapElement = string | bigint | number;

/**
 * What a run gives for one output: a tensor; an array for an ONNX sequence; a
 * Map for an ONNX map (int64 keys are bigints); null for an optional without a
 * value.
 */
export type OnnxValue = Tensor | OnnxValue[] | Map<MapElement, MapElement> | null;

/** Makes a native result a public value. */
export function decodeValue(value: NativeValue): OnnxValue {
  if (value === null) throw new OnliteError('ERR_RUN_FAILED', 'a result is missing');
  switch (value[0]) {
    case 0:
      return decodeTensor(value[1], value[2], value[3]);
    case 1:
      return value[1].map(decodeValue);
    case 2:
      return decodeMap(decodeValue(value[1]), decodeValue(value[2]));
    case 3:
      return null;
    case 4:
      return decodeHeld(value[1], value[2], value[3]);
  }
}

function typeOf(code: number): ElementTypeInfo {
  const type = elementTypeOfCode(code);
  if (type !== undefined) return type;
  throw new OnliteError('ERR_UNSUPPORTED', 'the result has an element type without a name');
}

function decodeHeld(code: number, dims: number[], held: NativeHeld): Tensor {
  const type = typeOf(code);
  const array = newArray(type.array ?? Uint8Array, byteLengthOf(type, dims));
  native().takeResult(held, nativeArray(array));
  return Tensor.fromTrusted(type, array, dims);
}

function byteLengthOf(type: ElementTypeInfo, dims: readonly number[]): number {
  return dataLength(type, elementCount(dims, 'dims')) * (type.array?.BYTES_PER_ELEMENT ?? 0);
}

/**
 * Puts a result where the caller wants it.
 *
 * @param given - the caller's tensor for it, or null
 * @param pool - where else its memory is taken from
 * @returns the given tensor, the pool's, or a tensor or another value of its own
 */
export function storeValue(
  name: string,
  value: NativeValue,
  given: unknown,
  pool: TensorPool | undefined,
): unknown {
  if (given === null && pool === undefined) return decodeValue(value);
  const result = resultOf(value);
  if (given !== null) {
    if (result === undefined) {
      throw new OnliteError('ERR_TYPE_MISMATCH', `outputs.${name}: the result is not a tensor`);
    }
    const data = value?.[0] === 0 ? value[3] : undefined;
    return fillFetch(name, given, result, Array.isArray(data) ? data : undefined);
  }
  if (result === undefined || pool === undefined || result.type.array === undefined) {
    return decodeValue(value);
  }
  const tensor = acquireFrom(pool, result.type, result.dims);
  const data = dataOf(tensor) as NumericData;
  result.copyTo(data);
  return tensor;
}

/** A tensor that can be copied to where it belongs; undefined for other values. */
function resultOf(value: NativeValue): Result | undefined {
  if (value?.[0] !== 0 && value?.[0] !== 4) return undefined;
  const [kind, code, dims, data] = value;
  const type = typeOf(code);
  return {
    type,
    dims,
    byteLength: byteLengthOf(type, dims),
    copyTo: (to) => {
      if (kind === 4) native().takeResult(data, nativeArray(to));
      else bytesOf(to).set(newArray(Uint8Array, data as ArrayBuffer));
    },
  };
}

function bytesOf({ buffer, byteOffset, byteLength }: NumericData): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function decodeTensor(code: number, dims: number[], data: ArrayBuffer | string[]): Tensor {
  const type = typeOf(code);
  const array = Array.isArray(data) || type.array === undefined ? data : newArray(type.array, data);
  return Tensor.fromTrusted(type, array as string[], dims);
}

function decodeMap(keys: OnnxValue, values: OnnxValue): Map<MapElement, MapElement> {
  if (!isTensor(keys) || !isTensor(values)) {
    throw new OnliteError('ERR_UNSUPPORTED', 'the result is a map whose values are not tensors');
  }
  const map = new Map<MapElement, MapElement>();
  const elements = Array.from(values.data as ArrayLike<MapElement>);
  for (const [index, key] of Array.from(keys.data as ArrayLike<MapElement>).entries()) {
    map.set(key, elements[index] ?? 0);
  }
  return map;
}
