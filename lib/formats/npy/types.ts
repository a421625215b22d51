/** Element storage: numbers as typed arrays, strings as a list, everything else as raw bytes. */
export type NpyData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | readonly string[];

/**
 * An array in C order, with onlite's names of the element types; a Tensor has the same shape.
 *
 * `float16` and `bfloat16` are the bit patterns in a Uint16Array, `bool` is a Uint8Array of 0 and 1,
 * `complex64` and `complex128` are raw little-endian bytes in a Uint8Array.
 */
export interface NpyArray {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: NpyData;
}
