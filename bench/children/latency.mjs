// node latency.mjs REQUEST.json: runs two models on one sample, each on one thread, slice by slice in
// turn. The request has the paths `reference` and `candidate`, the `inputs` as arrays.py writes
// them, and `repetitions`. Prints the candidate's time divided by the reference's, of each repetition.
import { readFileSync } from 'node:fs';

import { InferenceSession, Tensor } from 'onlite';
import { batchFor, interleave, sampleSync, warmUp } from 'onlite/bench';

import { samplesOf } from './samples.mjs';

const SLICE_MS = 12;

const request = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const [sample] = samplesOf(request.inputs);

async function slicesOf(path) {
  const session = await InferenceSession.create(path, { intraOpNumThreads: 1 });
  const names = session.inputNames;
  // TensorFlow Lite's converter gives inputs names of its own.
  const feeds = Object.entries(sample).map(([name, { type, data, dims }], index) => {
    return [names.includes(name) ? name : names[index], new Tensor(type, data, dims)];
  });
  const fed = Object.fromEntries(feeds);
  const run = () => session.runSync(fed);
  await warmUp(run, { ms: 200 });
  const { p50 } = sampleSync(run, { ms: SLICE_MS });
  return () => sampleSync(run, { ms: SLICE_MS, batch: batchFor(p50) });
}

const baseline = await slicesOf(request.reference);
const subject = await slicesOf(request.candidate);
const { repetitions } = request;
const { slices } = await interleave({ subject, baseline, repetitions, attempts: 1 });
const ratios = slices.subject.map(({ p50 }, index) => p50 / slices.baseline[index].p50);
console.log(JSON.stringify({ ratios }));
