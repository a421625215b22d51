import { bfloat16ToNumber, float16ToNumber } from '../../engine/tensor/float16';
import type { Quantization } from '../../engine/session/metadata';
import { OnliteError } from '../../errors';
import type { FeatureValue, RowTensor } from './row';

/** Reads an element: numbers as they are, strings as categories. */
export type ElementReader = (index: number) => FeatureValue;

const rawTypes = ['int4', 'uint4', 'complex64', 'complex128'];

/** Whether there is an {@link elementReader} for a type. */
export const isReadable = (type: string): boolean => !rawTypes.includes(type);

/** real = scale × (quantised − zero point), of the tensor or of the index on an axis. */
function realReader(
  { data, dims }: RowTensor,
  { scale, zeroPoint, axis }: Quantization,
): (index: number) => number {
  const stride = axis === undefined ? 1 : dims.slice(axis + 1).reduce((all, dim) => all * dim, 1);
  const channels = axis === undefined ? 1 : (dims[axis] ?? 1);
  return (index) => {
    const channel = Math.floor(index / stride) % channels;
    return (scale[channel] ?? 1) * (Number(data[index]) - (zeroPoint[channel] ?? 0));
  };
}

/**
 * How a tensor's elements are read.
 *
 * @throws OnliteError ERR_UNSUPPORTED for packed and complex types.
 */
export function elementReader(tensor: RowTensor, path: string): ElementReader {
  const { type, data, quantization } = tensor;
  if (!isReadable(type)) {
    throw new OnliteError('ERR_UNSUPPORTED', `${path}: values of ${type} cannot be watched`);
  }
  if (type === 'string') return (index) => String(data[index]);
  if (quantization) return realReader(tensor, quantization);
  const isBits = data instanceof Uint16Array;
  if (type === 'float16' && isBits) return (index) => float16ToNumber(data[index] ?? 0);
  if (type === 'bfloat16' && isBits) return (index) => bfloat16ToNumber(data[index] ?? 0);
  return (index) => Number(data[index]);
}
