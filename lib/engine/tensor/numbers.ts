import { elementType, type ElementType } from './element-type';
import { bfloat16ToNumber, float16ToNumber } from './float16';
import type { Tensor } from './tensor';

/** Reads the element of an index. */
export type NumberReader = (index: number) => number;

/** Whether the elements of tensors of a type are numbers: no strings, not packed, not raw. */
export const isNumeric = (type: ElementType): boolean =>
  type === 'float16' ||
  type === 'bfloat16' ||
  (type !== 'string' && elementType(type)?.plain === true);

/**
 * Reads a tensor's elements as numbers, 64-bit integers rounded to 53 bits; undefined where they
 * are none.
 */
export function numberReader({ type, data }: Tensor<ElementType>): NumberReader | undefined {
  if (!isNumeric(type)) return undefined;
  const values = data as ArrayLike<number | bigint>;
  if (type === 'bfloat16') return (index) => bfloat16ToNumber(Number(values[index]));
  if (type === 'float16' && data instanceof Uint16Array) {
    return (index) => float16ToNumber(Number(values[index]));
  }
  return (index) => Number(values[index]);
}
