import { elementType, type ElementType } from './element-type';
import { bfloat16ToNumber, float16ToNumber } from './float16';
import type { Tensor } from './tensor';

/** Reads the element of an index. */
export type NumberReader = (index: number) => number;

/**
 * Reads a tensor's elements as numbers, 64-bit integers rounded to 53 bits; undefined for strings
 * and for types whose elements are packed or raw.
 */
export function numberReader({ type, data }: Tensor<ElementType>): NumberReader | undefined {
  if (type === 'string') return undefined;
  const values = data as ArrayLike<number | bigint>;
  if (type === 'bfloat16') return (index) => bfloat16ToNumber(Number(values[index]));
  if (type === 'float16' && data instanceof Uint16Array) {
    return (index) => float16ToNumber(Number(values[index]));
  }
  if (!elementType(type)?.plain) return undefined;
  return (index) => Number(values[index]);
}
