import type { ElementType } from 'onlite';

import type { ListKind } from '../../protobuf/numbers';

/** How TensorProto has an element type. */
export interface DType {
  /** Its number in DataType. */
  readonly code: number;
  /** The field that has its values one by one, and of which kind they are; none for strings. */
  readonly field: number;
  readonly name: string;
  readonly kind: ListKind | undefined;
}

const dtype = (code: number, field: number, name: string, kind?: ListKind): DType => ({
  code,
  field,
  name,
  kind,
});

/** Halves come as the integers that their bits are. */
const dtypes: Readonly<Partial<Record<ElementType, DType>>> = {
  float32: dtype(1, 5, 'float_val', 'float'),
  float64: dtype(2, 6, 'double_val', 'double'),
  int32: dtype(3, 7, 'int_val', 'int32'),
  uint8: dtype(4, 7, 'int_val', 'int32'),
  int16: dtype(5, 7, 'int_val', 'int32'),
  int8: dtype(6, 7, 'int_val', 'int32'),
  string: dtype(7, 8, 'string_val'),
  int64: dtype(9, 10, 'int64_val', 'int64'),
  bool: dtype(10, 11, 'bool_val', 'bool'),
  bfloat16: dtype(14, 13, 'half_val', 'int32'),
  uint16: dtype(17, 7, 'int_val', 'int32'),
  float16: dtype(19, 13, 'half_val', 'int32'),
  uint32: dtype(22, 16, 'uint32_val', 'uint32'),
  uint64: dtype(23, 17, 'uint64_val', 'uint64'),
};

export const dtypeOf = (type: ElementType): DType | undefined => dtypes[type];

const names = new Map(Object.entries(dtypes).map(([type, { code }]) => [code, type]));

/** For messages: what a number of DataType stands for. */
export const dtypeName = (code: number): string => names.get(code) ?? `the dtype ${code}`;
