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
