import { OnliteError } from '../../errors';
import { dataTypeBits, dataTypeName, OnnxDataType } from './data-type';
import type { TensorProto } from './types';

export function invalidTensor(tensor: TensorProto, reason: string): OnliteError {
  return new OnliteError('ERR_MODEL_INVALID', `tensor '${tensor.name ?? ''}': ${reason}`);
}

/** The product of the dims; 1 for a scalar. */
export function elementCount(tensor: TensorProto): number {
  let count = 1;
  for (const dim of tensor.dims) {
    if (dim < 0) throw invalidTensor(tensor, `negative dimension ${dim}`);
    count *= dim;
  }
  if (!Number.isSafeInteger(count)) throw invalidTensor(tensor, 'too many elements');
  return count;
}

/** Bytes that the tensor's elements take when packed; strings count their UTF-8 bytes. */
export function tensorByteLength(tensor: TensorProto): number {
  if (tensor.dataType === OnnxDataType.STRING) {
    return tensor.stringData.reduce((sum, text) => sum + text.byteLength, 0);
  }
  const bits = dataTypeBits(tensor.dataType);
  if (bits === undefined) throw invalidTensor(tensor, `unknown ${dataTypeName(tensor.dataType)}`);
  return Math.ceil((elementCount(tensor) * bits) / 8);
}
