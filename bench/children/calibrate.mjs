// node calibrate.mjs REQUEST.json: finds the ranges of a model's activations and does nothing else.
// The request has the `model`'s path, the `tensors`, a `method`, and the `inputs` as arrays.py
// writes them. Prints `seconds` without the start of Node, and the `ranges` by tensor.
import { readFileSync } from 'node:fs';

import { Calibrator } from 'onlite/optimize';

import { samplesOf } from './samples.mjs';

const { model, tensors, method, inputs } = JSON.parse(readFileSync(process.argv[2], 'utf8'));

function* samples() {
  for (const feeds of samplesOf(inputs)) yield { feeds };
}

const start = performance.now();
const calibrator = await Calibrator.create(model, tensors, { histograms: method !== 'minmax' });
await calibrator.collect(samples());
const ranges = calibrator.ranges({ method });
const seconds = (performance.now() - start) / 1000;
await calibrator.release();
const ends = Array.from(ranges, ([name, { min, max }]) => [name, [min, max]]);
console.log(JSON.stringify({ seconds, ranges: Object.fromEntries(ends) }));
