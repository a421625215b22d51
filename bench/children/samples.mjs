// The inputs that arrays.py writes, as feeds.
import { readFileSync } from 'node:fs';

const arrayTypes = { float32: Float32Array, int64: BigInt64Array, int32: Int32Array };

function arrayOf({ type, path }) {
  const { buffer, byteOffset, byteLength } = readFileSync(path);
  return new arrayTypes[type](buffer.slice(byteOffset, byteOffset + byteLength));
}

/** Gives the feeds of one sample after the other. */
export function* samplesOf(inputs) {
  const arrays = inputs.map((input) => {
    const size = input.dims.reduce((product, dim) => product * dim, 1);
    return { ...input, size, data: arrayOf(input) };
  });
  const count = arrays[0].data.length / arrays[0].size;
  for (let index = 0; index < count; index++) {
    const feeds = arrays.map(({ name, type, dims, data, size }) => {
      return [name, { type, dims, data: data.subarray(index * size, (index + 1) * size) }];
    });
    yield Object.fromEntries(feeds);
  }
}
