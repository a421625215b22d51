// The models that are run step by step, with their feeds.
import { decoderCarry, decoderState } from './decoder.mjs';
import { SILERO } from './models.mjs';
import { fillFloats, sizeOf } from './values.mjs';

/** Values of float32 that vary, as a feed. */
export const varying = (...dims) => ({
  type: 'float32',
  dims,
  data: fillFloats(new Float32Array(sizeOf(dims))),
});
const zeros = (...dims) => ({
  type: 'float32',
  dims,
  data: new Float32Array(sizeOf(dims)),
});

/** Such values as tensors of a package's own class. */
export const tensorsOf = (values, Tensor) =>
  Object.fromEntries(
    Object.entries(values).map(([name, { type, data, dims }]) => [
      name,
      new Tensor(type, data, dims),
    ]),
  );

/**
 * What a step is fed, by input name, after so many steps; `carry` names the state, and `outputs` has
 * the dims of outputs that the model does not declare.
 */
export const streaming = {
  'decoder.onnx': {
    carry: decoderCarry,
    outputs: {},
    feeds: (steps = 0) => ({
      x: varying(1, 128),
      ...Object.fromEntries(
        Object.values(decoderCarry).map((name) => [name, varying(...decoderState(steps))]),
      ),
    }),
  },
  [SILERO]: {
    carry: { stateN: 'state' },
    // Of no declared shape.
    outputs: { output: [1, 1] },
    feeds: () => ({
      input: varying(1, 512),
      state: zeros(2, 1, 128),
      sr: { type: 'int64', dims: [], data: BigInt64Array.of(16000n) },
    }),
  },
};
