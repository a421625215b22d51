import { fileURLToPath } from 'node:url';

import { InferenceSession, Tensor } from 'onlite';

const path = (name) => fileURLToPath(new URL(`../../fixtures/models/${name}`, import.meta.url));

/**
 * For each engine a model of microseconds, one whose runs take as long as one
 * likes, one with a dynamic first dimension, and one of a megabyte or two.
 */
const models = {
  onnxruntime: {
    small: path('add4.onnx'),
    long: path('control_scan.onnx'),
    rows: path('mlp.onnx'),
    large: path('../../../models/silero_vad_v5.onnx'),
  },
  tflite: {
    small: path('add4.tflite'),
    long: path('control_while.tflite'),
    rows: path('mlp.tflite'),
    large: path('../../../models/hey_jarvis.tflite'),
  },
};

// About; on a slow machine a run is longer, which no test minds.
const stepsPerMs = { onnxruntime: 1500, tflite: 5000 };

/** Element-wise sum of two vectors of four floats; microseconds. */
export const smallModel = (engine) => models[engine].small;

export const createSmall = (engine, options) =>
  InferenceSession.create(models[engine].small, options);

/** A model with variables, of TensorFlow Lite. */
export const createAccumulator = () => InferenceSession.create(path('accumulator.tflite'));

/** A speech model of one or two megabytes. */
export const createLarge = (engine, options) =>
  InferenceSession.create(models[engine].large, options);

/** A model that loops as often as its feeds say, see {@link longFeeds}. */
export const createLong = (engine, options) =>
  InferenceSession.create(models[engine].long, options);

/** A model that gathers concurrent runs of {@link rowFeeds} into batches. */
export const createBatched = (engine, options) =>
  InferenceSession.create(models[engine].rows, {
    batching: { maxBatchSize: 16, maxDelayMs: 1 },
    ...options,
  });

/** One row for the model that batches. */
export const rowFeeds = (number = 1) => ({
  x: new Tensor(
    'float32',
    Float32Array.from({ length: 16 }, (_, index) => Math.sin(number * 31 + index)),
    [1, 16],
  ),
});

/** Feeds of the small model; {@link isSum} knows the result. */
export const smallFeeds = (number = 1) => ({
  a: new Tensor('float32', Float32Array.of(number, 2, 3, 4)),
  b: new Tensor('float32', Float32Array.of(10, 20, 30, number)),
});

/** Whether a result is that of `smallFeeds(number)`. */
export function isSum({ sum }, number = 1) {
  const expected = [number + 10, 22, 33, 4 + number].map(Math.fround);
  return sum.data.length === 4 && expected.every((value, index) => sum.data[index] === value);
}

/** Feeds with which the long model takes about `ms` milliseconds. */
export function longFeeds(engine, ms) {
  const steps = ms * stepsPerMs[engine];
  if (engine === 'tflite') {
    return {
      limit: new Tensor('int32', [steps], []),
      x: new Tensor('float32', Float32Array.of(1, 2, 3)),
    };
  }
  return {
    start: new Tensor('float32', Float32Array.of(1, 2, 3)),
    x: new Tensor('float32', new Float32Array(3 * steps).fill(1), [steps, 3]),
  };
}

/** The small tensor of the long model's results, so that fetching costs nothing. */
export const longOutput = (engine) => (engine === 'tflite' ? 'Identity' : 'total');

/** One run of the long model. */
export const runLong = (session, ms, options) =>
  session.run(longFeeds(session.engine, ms), [longOutput(session.engine)], options);

/** Outputs of a binding that the runtime allocates. */
export const dynamicOutputs = (session) =>
  Object.fromEntries(session.outputNames.map((name) => [name, 'dynamic']));

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A turn of the event loop. */
export const turn = () => new Promise((resolve) => setImmediate(resolve));

/** The error a promise rejects with; fails if it does not. */
export async function rejection(promise) {
  let value;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`expected a rejection, got ${JSON.stringify(value)}`);
}
