// Models of hundreds of megabytes. Their weights are zeros: what is measured is loading them.
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { MODEL_CACHE } from '../harness/paths.mjs';
import { constant, externalConstant, model, node } from './onnx.mjs';

/** An embedding: y = w[i]. */
const embedding = (width, weights) =>
  model({
    name: 'embedding',
    parts: [node('Gather', ['w', 'i'], ['y']), weights],
    inputs: { i: { type: 'int64', dims: ['n'] } },
    outputs: { y: ['n', width] },
  });

/** 1.14 GiB of weights in a file of their own, as exporters write them above 2 GB. */
function externalEmbedding(path) {
  const dims = [300_000, 1024];
  const location = 'embedding_external.bin';
  writeFileSync(path, embedding(dims[1], externalConstant('w', dims, location)));
  const weights = join(MODEL_CACHE, location);
  writeFileSync(weights, '');
  truncateSync(weights, dims[0] * dims[1] * Float32Array.BYTES_PER_ELEMENT);
}

/** 391 MiB of weights within the model's file. */
function inlineEmbedding(path) {
  const dims = [100_000, 1024];
  const zeros = new Float32Array(dims[0] * dims[1]);
  writeFileSync(path, embedding(dims[1], constant('w', dims, zeros)));
}

/** Each entry writes the model to a path in MODEL_CACHE. */
const largeModels = {
  'embedding_external.onnx': externalEmbedding,
  'embedding_inline.onnx': inlineEmbedding,
};

export const LARGE_MODELS = Object.keys(largeModels);

/** Writes a large model anew and gives its path. */
export function writeLargeModel(name) {
  mkdirSync(MODEL_CACHE, { recursive: true });
  const path = join(MODEL_CACHE, name);
  largeModels[name](path);
  return path;
}
