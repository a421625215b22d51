/** Element types of ONNX by number, with onlite's names and the bits of one packed element. */
interface DataTypeInfo {
  readonly name: string;
  /** 0 for strings, whose elements have no fixed size. */
  readonly bits: number;
}

const DATA_TYPES: ReadonlyMap<number, DataTypeInfo> = new Map([
  [1, { name: 'float32', bits: 32 }],
  [2, { name: 'uint8', bits: 8 }],
  [3, { name: 'int8', bits: 8 }],
  [4, { name: 'uint16', bits: 16 }],
  [5, { name: 'int16', bits: 16 }],
  [6, { name: 'int32', bits: 32 }],
  [7, { name: 'int64', bits: 64 }],
  [8, { name: 'string', bits: 0 }],
  [9, { name: 'bool', bits: 8 }],
  [10, { name: 'float16', bits: 16 }],
  [11, { name: 'float64', bits: 64 }],
  [12, { name: 'uint32', bits: 32 }],
  [13, { name: 'uint64', bits: 64 }],
  [14, { name: 'complex64', bits: 64 }],
  [15, { name: 'complex128', bits: 128 }],
  [16, { name: 'bfloat16', bits: 16 }],
  [17, { name: 'float8e4m3fn', bits: 8 }],
  [18, { name: 'float8e4m3fnuz', bits: 8 }],
  [19, { name: 'float8e5m2', bits: 8 }],
  [20, { name: 'float8e5m2fnuz', bits: 8 }],
  [21, { name: 'uint4', bits: 4 }],
  [22, { name: 'int4', bits: 4 }],
  [23, { name: 'float4e2m1', bits: 4 }],
  [24, { name: 'float8e8m0', bits: 8 }],
  [25, { name: 'uint2', bits: 2 }],
  [26, { name: 'int2', bits: 2 }],
  [27, { name: 'float6e2m3', bits: 6 }],
  [28, { name: 'float6e3m2', bits: 6 }],
]);

/** The numbers of `TensorProto.DataType` that code refers to by name. */
export const OnnxDataType = {
  FLOAT: 1,
  UINT8: 2,
  INT8: 3,
  UINT16: 4,
  INT16: 5,
  INT32: 6,
  INT64: 7,
  STRING: 8,
  BOOL: 9,
  FLOAT16: 10,
  DOUBLE: 11,
  UINT32: 12,
  UINT64: 13,
  COMPLEX64: 14,
  COMPLEX128: 15,
  BFLOAT16: 16,
  UINT4: 21,
  INT4: 22,
} as const;

/** The numbers of `AttributeProto.AttributeType`. */
export const OnnxAttributeType = {
  FLOAT: 1,
  INT: 2,
  STRING: 3,
  TENSOR: 4,
  GRAPH: 5,
  FLOATS: 6,
  INTS: 7,
  STRINGS: 8,
  TENSORS: 9,
  GRAPHS: 10,
  SPARSE_TENSOR: 11,
  SPARSE_TENSORS: 12,
  TYPE_PROTO: 13,
  TYPE_PROTOS: 14,
} as const;

export function dataTypeName(dataType: number | undefined): string {
  if (dataType === undefined || dataType === 0) return 'undefined';
  return DATA_TYPES.get(dataType)?.name ?? `type ${dataType}`;
}

/** The number of a type by onlite's name of it. */
export function dataTypeOf(name: string): number | undefined {
  return [...DATA_TYPES].find(([, info]) => info.name === name)?.[0];
}

/** Bits of one element as stored in `rawData`; 0 for strings, undefined for unknown types. */
export function dataTypeBits(dataType: number | undefined): number | undefined {
  return dataType === undefined ? undefined : DATA_TYPES.get(dataType)?.bits;
}
