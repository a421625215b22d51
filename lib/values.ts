import { elementTypeOfCode } from './element-type';
import { OnliteError } from './errors';
import type { NativeValue } from './native';
import { Tensor } from './tensor';

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
  }
}

function decodeTensor(code: number, dims: number[], data: ArrayBuffer | string[]): Tensor {
  const type = elementTypeOfCode(code);
  if (type === undefined) {
    throw new OnliteError('ERR_UNSUPPORTED', 'the result has an element type without a name');
  }
  const array = Array.isArray(data) || type.array === undefined ? data : new type.array(data);
  return Tensor.fromTrusted(type, array as string[], dims);
}

function decodeMap(keys: OnnxValue, values: OnnxValue): Map<MapElement, MapElement> {
  if (!(keys instanceof Tensor) || !(values instanceof Tensor)) {
    throw new OnliteError('ERR_UNSUPPORTED', 'the result is a map whose values are not tensors');
  }
  const map = new Map<MapElement, MapElement>();
  const elements = Array.from(values.data as ArrayLike<MapElement>);
  for (const [index, key] of Array.from(keys.data as ArrayLike<MapElement>).entries()) {
    map.set(key, elements[index] ?? 0);
  }
  return map;
}
