// node calibrate.mjs REQUEST.json: finds the ranges of a model's activations and does nothing else.
// The request has the `model`'s path, the `tensors`, a `method`, and the `inputs` as calibrate.py
// prepares them. Prints `seconds` without the start of Node, and the `ranges` by tensor.
import { readFileSync } from 'node:fs';

import { Calibrator } from 'onlite/optimize';

const arrayTypes = { float32: Float32Array, int64: BigInt64Array, int32: Int32Array };

const { model, tensors, method, inputs } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const arrays = inputs.map(({ name, type, dims, path }) => {
  const { buffer, byteOffset, byteLength } = readFileSync(path);
  const data = new arrayTypes[type](buffer.slice(byteOffset, byteOffset + byteLength));
  return { name, type, dims, data, size: dims.reduce((product, dim) => product * dim, 1) };
});
const count = arrays[0].data.length / arrays[0].size;

function* samples() {
  for (let index = 0; index < count; index++) {
    const feeds = arrays.map(({ name, type, dims, data, size }) => {
      return [name, { type, dims, data: data.subarray(index * size, (index + 1) * size) }];
    });
    yield { feeds: Object.fromEntries(feeds) };
  }
}

const start = performance.now();
const calibrator = await Calibrator.create(model, tensors, { histograms: method !== 'minmax' });
await calibrator.collect(samples());
const ranges = calibrator.ranges({ method });
const seconds = (performance.now() - start) / 1000;
await calibrator.release();
const ends = Array.from(ranges, ([name, { min, max }]) => [name, [min, max]]);
console.log(JSON.stringify({ seconds, ranges: Object.fromEntries(ends) }));
