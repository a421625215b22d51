// The models that need no Python. Each entry makes the bytes of one.
import { decoder } from './decoder.mjs';
import { gpuModels } from './gpu.mjs';
import { constant, model, node } from './onnx.mjs';
import { fillFloats } from './values.mjs';

const weights = (count, scale) => fillFloats(new Float32Array(count)).map((value) => value * scale);

export const smallModels = {
  ...gpuModels,

  /** y = a + b, 4 floats: nothing but the cost of a run. */
  'add.onnx': () =>
    model({
      name: 'add',
      parts: [node('Add', ['a', 'b'], ['y'])],
      inputs: { a: [4], b: [4] },
      outputs: { y: [4] },
    }),

  /** The same with a first dimension that is not known before. */
  'add_dynamic.onnx': () =>
    model({
      name: 'add_dynamic',
      parts: [node('Add', ['a', 'b'], ['y'])],
      inputs: { a: ['n', 4], b: ['n', 4] },
      outputs: { y: ['n', 4] },
    }),

  /** One step of a language model with a cache of keys and values that grows. */
  'decoder.onnx': decoder,

  /** y = -x, 1,000,000 floats: the cost of large tensors. */
  'neg.onnx': () =>
    model({
      name: 'neg',
      parts: [node('Neg', ['x'], ['y'])],
      inputs: { x: [1_000_000] },
      outputs: { y: [1_000_000] },
    }),

  /** The same of an image of 3 × 224 × 224, 600 KB: what a server of images is sent. */
  'image.onnx': () =>
    model({
      name: 'image',
      parts: [node('Neg', ['x'], ['y'])],
      inputs: { x: [1, 3, 224, 224] },
      outputs: { y: [1, 3, 224, 224] },
    }),

  /** Gemm 256→256, Relu, Gemm 256→10, any batch: what batching gains most on. */
  'mlp.onnx': () =>
    model({
      name: 'mlp',
      parts: [
        node('Gemm', ['x', 'w1', 'b1'], ['h']),
        node('Relu', ['h'], ['r']),
        node('Gemm', ['r', 'w2', 'b2'], ['y']),
        constant('w1', [256, 256], weights(256 * 256, 0.1)),
        constant('b1', [256], weights(256, 0.1)),
        constant('w2', [256, 10], weights(256 * 10, 0.1)),
        constant('b2', [10], weights(10, 0.1)),
      ],
      inputs: { x: ['n', 256] },
      outputs: { y: ['n', 10] },
    }),
};
