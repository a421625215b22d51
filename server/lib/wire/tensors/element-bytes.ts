import type { ElementType } from 'onlite';

/** Bytes of an element in the binary form; undefined for strings, which tell it themselves. */
const sizes: Readonly<Partial<Record<ElementType, number>>> = {
  bool: 1,
  uint8: 1,
  int8: 1,
  uint16: 2,
  int16: 2,
  float16: 2,
  bfloat16: 2,
  uint32: 4,
  int32: 4,
  float32: 4,
  uint64: 8,
  int64: 8,
  float64: 8,
};

export const elementBytes = (type: ElementType): number | undefined => sizes[type];
