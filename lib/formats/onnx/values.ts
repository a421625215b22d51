import { OnliteError } from '../../errors';
import { dataTypeName, OnnxDataType } from './data-type';
import { tensorBytes } from './tensor';
import { elementCount } from './tensor-size';
import type { TensorProto } from './types';

/** The arrays that {@link tensorValues} gives, by `TensorProto.DataType`. */
const ARRAYS = {
  [OnnxDataType.FLOAT]: Float32Array,
  [OnnxDataType.DOUBLE]: Float64Array,
  [OnnxDataType.UINT8]: Uint8Array,
  [OnnxDataType.BOOL]: Uint8Array,
  [OnnxDataType.INT8]: Int8Array,
  [OnnxDataType.UINT16]: Uint16Array,
  [OnnxDataType.FLOAT16]: Uint16Array,
  [OnnxDataType.INT16]: Int16Array,
  [OnnxDataType.INT32]: Int32Array,
  [OnnxDataType.UINT32]: Uint32Array,
  [OnnxDataType.INT64]: BigInt64Array,
  [OnnxDataType.UINT64]: BigUint64Array,
} as const;

type DataTypeOfArrays = keyof typeof ARRAYS;

/** The elements of a tensor of a type; float16 as the 16 bits of each. */
export type TensorValues<Type extends DataTypeOfArrays = DataTypeOfArrays> = InstanceType<
  (typeof ARRAYS)[Type]
>;

/**
 * The elements of a tensor, as a view of its bytes where their address allows.
 *
 * @param folder - the model file's, for external data
 * @throws OnliteError ERR_MODEL_INVALID where the tensor is not of the type, or as `tensorBytes`.
 */
export function tensorValues<Type extends DataTypeOfArrays>(
  tensor: TensorProto,
  type: Type,
  folder?: string,
): TensorValues<Type> {
  if (tensor.dataType !== type) {
    throw new OnliteError(
      'ERR_MODEL_INVALID',
      `tensor '${tensor.name ?? ''}' is ${dataTypeName(tensor.dataType)}, expected ${dataTypeName(type)}`,
    );
  }
  const bytes = tensorBytes(tensor, folder);
  const Values = ARRAYS[type];
  const isAligned = bytes.byteOffset % Values.BYTES_PER_ELEMENT === 0;
  const { buffer, byteOffset } = isAligned ? bytes : new Uint8Array(bytes);
  const length = elementCount(tensor);
  return new Values(buffer as ArrayBuffer, byteOffset, length) as TensorValues<Type>;
}

/** The elements of a tensor of integers as numbers; undefined for any other. */
export function integerValues(tensor: TensorProto, folder?: string): number[] | undefined {
  const { INT64, INT32, INT8, UINT8 } = OnnxDataType;
  switch (tensor.dataType) {
    case INT64:
      return Array.from(tensorValues(tensor, INT64, folder), Number);
    case INT32:
      return Array.from(tensorValues(tensor, INT32, folder));
    case INT8:
      return Array.from(tensorValues(tensor, INT8, folder));
    case UINT8:
      return Array.from(tensorValues(tensor, UINT8, folder));
    default:
      return undefined;
  }
}

/** A tensor without elements. */
const emptyTensor = (): TensorProto => ({
  dims: [],
  floatData: [],
  int32Data: [],
  stringData: [],
  int64Data: [],
  doubleData: [],
  uint64Data: [],
  externalData: [],
  metadataProps: [],
});

/** A tensor whose elements are the array's bytes, which it keeps. */
export function makeTensor(
  name: string,
  dataType: number,
  dims: readonly number[],
  values: ArrayBufferView,
): TensorProto {
  const { buffer, byteOffset, byteLength } = values;
  const rawData = new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
  return { ...emptyTensor(), dims: [...dims], dataType, name, rawData };
}

export const makeFloats = (
  name: string,
  values: Float32Array | readonly number[],
  dims: readonly number[] = [values.length],
): TensorProto => makeTensor(name, OnnxDataType.FLOAT, dims, Float32Array.from(values));

export const makeInt64s = (
  name: string,
  values: readonly number[],
  dims: readonly number[] = [values.length],
): TensorProto =>
  makeTensor(
    name,
    OnnxDataType.INT64,
    dims,
    BigInt64Array.from(values, (value) => BigInt(value)),
  );
