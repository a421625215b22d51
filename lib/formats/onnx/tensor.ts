import { OnliteError } from '../../errors';
import { OnnxDataType } from './data-type';
import { ExternalFiles } from './external-data';
import { bytesOf, type Segment } from './source';
import { invalidTensor, tensorByteLength } from './tensor-size';
import type { ModelProto, TensorProto } from './types';
import { walkModel } from './walk';

function viewBytes(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** The bytes of a list of numbers, which are there already when it is of that type. */
function packed<T extends number | bigint>(
  type: {
    new (values: readonly T[]): ArrayBufferView;
    from(values: ArrayLike<T>): ArrayBufferView;
  },
  values: ArrayLike<T>,
): Uint8Array {
  return viewBytes(values instanceof type ? values : type.from(values));
}

function typedDataBytes(tensor: TensorProto): Uint8Array | undefined {
  switch (tensor.dataType) {
    case OnnxDataType.FLOAT:
    case OnnxDataType.COMPLEX64:
      return packed(Float32Array, tensor.floatData);
    case OnnxDataType.DOUBLE:
    case OnnxDataType.COMPLEX128:
      return packed(Float64Array, tensor.doubleData);
    case OnnxDataType.INT64:
      return packed(BigInt64Array, tensor.int64Data);
    case OnnxDataType.UINT64:
      return packed(BigUint64Array, tensor.uint64Data);
    case OnnxDataType.UINT32:
      return viewBytes(Uint32Array.from<bigint>(tensor.uint64Data, Number));
    case OnnxDataType.INT32:
      return packed(Int32Array, tensor.int32Data);
    case OnnxDataType.UINT16:
    case OnnxDataType.INT16:
    case OnnxDataType.FLOAT16:
    case OnnxDataType.BFLOAT16:
      return packed(Uint16Array, tensor.int32Data);
    case OnnxDataType.STRING:
      return undefined;
    default:
      // 8-bit types one per entry; 4- and 2-bit types are packed into bytes already.
      return packed(Uint8Array, tensor.int32Data);
  }
}

/**
 * The tensor's elements as packed little-endian bytes, or where to have them: its `source`, its
 * `rawData`, or the typed field, which is converted where it has to be.
 *
 * @throws OnliteError ERR_MODEL_INVALID when the length is not what type and dims say;
 * ERR_INVALID_ARGUMENT for strings and for external data.
 */
export function tensorData(tensor: TensorProto): Segment {
  const name = tensor.name ?? '';
  if (tensor.source === undefined && tensor.dataLocation === 1) {
    throw new OnliteError(
      'ERR_INVALID_ARGUMENT',
      `tensor '${name}' has external data: the model's folder is needed`,
    );
  }
  const data = tensor.source ?? tensor.rawData ?? typedDataBytes(tensor);
  if (!data) throw new OnliteError('ERR_INVALID_ARGUMENT', `tensor '${name}' holds strings`);
  const expected = tensorByteLength(tensor);
  if (data.byteLength !== expected) {
    throw invalidTensor(tensor, `${data.byteLength} bytes, expected ${expected}`);
  }
  return data;
}

/**
 * The tensor's elements as packed little-endian bytes: a view where they are in memory in this form,
 * else a fresh array. External data is looked up in `folder`, the model file's.
 *
 * @throws OnliteError as {@link tensorData}, and ERR_MODEL_UNREADABLE when a file cannot be read or
 *   was changed.
 */
export function tensorBytes(tensor: TensorProto, folder?: string): Uint8Array {
  const files = folder === undefined ? undefined : new ExternalFiles(folder);
  try {
    const external = tensor.source ? undefined : files?.source(tensor);
    const data = external ?? tensorData(tensor);
    return data instanceof Uint8Array ? data : bytesOf([data]);
  } finally {
    files?.close();
  }
}

/**
 * Gives a tensor other data in place of what it has.
 *
 * @param data - packed little-endian elements, or where to have them
 */
export function setTensorData(tensor: TensorProto, data: Segment): void {
  delete tensor.source;
  delete tensor.rawData;
  delete tensor.dataLocation;
  tensor.externalData = [];
  tensor.floatData = [];
  tensor.int32Data = [];
  tensor.int64Data = [];
  tensor.doubleData = [];
  tensor.uint64Data = [];
  if (data instanceof Uint8Array) tensor.rawData = data;
  else tensor.source = data;
}

/**
 * Turns `float_data`, `int64_data` and the other typed fields of all tensors into raw data, the form
 * that is read and written without a look at each value. Strings have no other form.
 *
 * @throws OnliteError ERR_MODEL_INVALID when a tensor has fewer or more elements than its dims say
 */
export function rawTensors(model: ModelProto): void {
  walkModel(model, {
    tensor: (tensor) => {
      const isTyped = tensor.source === undefined && tensor.rawData === undefined;
      if (!isTyped || tensor.dataLocation === 1) return;
      if (tensor.dataType !== OnnxDataType.STRING) setTensorData(tensor, tensorData(tensor));
    },
  });
}
