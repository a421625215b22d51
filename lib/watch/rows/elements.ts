import type { Quantization } from '../../engine/session/metadata';
import type { ElementType } from '../../engine/tensor/element-type';
import { isNumeric, numberReader } from '../../engine/tensor/numbers';
import type { Tensor } from '../../engine/tensor/tensor';
import { OnliteError } from '../../errors';
import type { FeatureValue, RowTensor } from './row';

/** Reads an element: numbers as they are, strings as categories. */
export type ElementReader = (index: number) => FeatureValue;

/** Whether there is an {@link elementReader} for a type. */
export const isReadable = (type: string): boolean =>
  type === 'string' || isNumeric(type as ElementType);

const direct: ReadonlySet<string> = new Set([
  'float32',
  'float64',
  'int8',
  'uint8',
  'int16',
  'uint16',
  'int32',
  'uint32',
]);

/** Whether a tensor's memory has its elements as numbers, as they are meant. */
export const isDirect = ({ type, data, quantization }: RowTensor): boolean =>
  quantization === undefined && direct.has(type) && ArrayBuffer.isView(data);

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
  if (isDirect(tensor)) {
    const numbers = data as ArrayLike<number>;
    return (index) => numbers[index] ?? NaN;
  }
  if (type === 'string') return (index) => String(data[index]);
  // Of a tensor it needs no more than there is here.
  const read = numberReader(tensor as unknown as Tensor<ElementType>);
  if (!read)
    throw new OnliteError('ERR_UNSUPPORTED', `${path}: values of ${type} cannot be watched`);
  return quantization ? realReader(tensor, quantization) : read;
}
