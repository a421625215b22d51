interface TensorTypeInfo {
  readonly name: string;
  /** Bits of one packed element, 0 where elements have no fixed size. */
  readonly bits: number;
}

/** The position is the type's number in the file. */
const TENSOR_TYPES: readonly TensorTypeInfo[] = [
  { name: 'float32', bits: 32 },
  { name: 'float16', bits: 16 },
  { name: 'int32', bits: 32 },
  { name: 'uint8', bits: 8 },
  { name: 'int64', bits: 64 },
  { name: 'string', bits: 0 },
  { name: 'bool', bits: 8 },
  { name: 'int16', bits: 16 },
  { name: 'complex64', bits: 64 },
  { name: 'int8', bits: 8 },
  { name: 'float64', bits: 64 },
  { name: 'complex128', bits: 128 },
  { name: 'uint64', bits: 64 },
  { name: 'resource', bits: 0 },
  { name: 'variant', bits: 0 },
  { name: 'uint32', bits: 32 },
  { name: 'uint16', bits: 16 },
  { name: 'int4', bits: 4 },
  { name: 'bfloat16', bits: 16 },
  { name: 'int2', bits: 2 },
  { name: 'uint4', bits: 4 },
  { name: 'float8e4m3fn', bits: 8 },
  { name: 'float8e5m2', bits: 8 },
];

export function tensorTypeName(type: number): string {
  return TENSOR_TYPES[type]?.name ?? `type ${type}`;
}

/** Numbers of the types that models are quantised from and to. */
export const TensorType = {
  float32: 0,
  float16: 1,
  int32: 2,
  int64: 4,
  int16: 7,
  int8: 9,
} as const;
