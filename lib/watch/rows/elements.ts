import { bfloat16ToNumber, float16ToNumber } from '../../engine/tensor/float16';
import { OnliteError } from '../../errors';
import type { FeatureValue, RowTensor } from './row';

/** Reads an element: numbers as they are, strings as categories. */
export type ElementReader = (index: number) => FeatureValue;

const rawTypes = ['int4', 'uint4', 'complex64', 'complex128'];

/**
 * How a tensor's elements are read.
 *
 * @throws OnliteError ERR_UNSUPPORTED for packed and complex types.
 */
export function elementReader({ type, data }: RowTensor, path: string): ElementReader {
  if (rawTypes.includes(type)) {
    throw new OnliteError('ERR_UNSUPPORTED', `${path}: values of ${type} cannot be watched`);
  }
  if (type === 'string') return (index) => String(data[index]);
  const isBits = data instanceof Uint16Array;
  if (type === 'float16' && isBits) return (index) => float16ToNumber(data[index] ?? 0);
  if (type === 'bfloat16' && isBits) return (index) => bfloat16ToNumber(data[index] ?? 0);
  return (index) => Number(data[index]);
}
