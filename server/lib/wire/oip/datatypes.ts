import type { ElementType } from 'onlite';

/** The protocol's names of element types; what it has none for keeps its own, in capitals. */
const names: Readonly<Partial<Record<ElementType, string>>> = {
  bool: 'BOOL',
  uint8: 'UINT8',
  uint16: 'UINT16',
  uint32: 'UINT32',
  uint64: 'UINT64',
  int8: 'INT8',
  int16: 'INT16',
  int32: 'INT32',
  int64: 'INT64',
  float16: 'FP16',
  bfloat16: 'BF16',
  float32: 'FP32',
  float64: 'FP64',
  string: 'BYTES',
};

export const datatypeOf = (type: ElementType): string => names[type] ?? type.toUpperCase();

/** Whether tensors of this type can be sent at all. */
export const hasDatatype = (type: ElementType): boolean => names[type] !== undefined;

/** Bytes of an element in the binary form; undefined for BYTES, whose elements tell it themselves. */
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
