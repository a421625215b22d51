/** How many elements a tensor of these dims has. */
export const sizeOf = (dims) => dims.reduce((product, dim) => product * dim, 1);

/** The sequence of bench/raw/model_bytes.cc: floats between -1 and 1. */
export function fillFloats(array) {
  let state = 1;
  for (let index = 0; index < array.length; index += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    array[index] = (state >>> 8) / 2 ** 23 - 1;
  }
  return array;
}
