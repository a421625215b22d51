/** Rearranging raw elements: byte order and Fortran order. All in place or into a fresh array. */

/** Reverses every group of `size` bytes, in place. */
export function swapBytes(bytes: Uint8Array, size: number): void {
  if (size < 2) return;
  for (let start = 0; start + size <= bytes.length; start += size) {
    bytes.subarray(start, start + size).reverse();
  }
}

/** Elements stored first dimension fastest, rearranged to last dimension fastest. */
export function fortranToC(
  bytes: Uint8Array,
  dims: readonly number[],
  itemSize: number,
): Uint8Array {
  const rank = dims.length;
  const result = new Uint8Array(bytes.length);
  if (bytes.length === 0 || itemSize === 0) return result;
  const strides: number[] = [];
  let stride = itemSize;
  for (const dim of dims) {
    strides.push(stride);
    stride *= dim;
  }
  const index = new Array<number>(rank).fill(0);
  let from = 0;
  for (let to = 0; to < bytes.length; to += itemSize) {
    for (let byte = 0; byte < itemSize; byte++) result[to + byte] = bytes[from + byte] ?? 0;
    for (let axis = rank - 1; axis >= 0; axis--) {
      const size = dims[axis] ?? 0;
      const step = strides[axis] ?? 0;
      const next = (index[axis] ?? 0) + 1;
      from += step;
      if (next < size) {
        index[axis] = next;
        break;
      }
      index[axis] = 0;
      from -= size * step;
    }
  }
  return result;
}
