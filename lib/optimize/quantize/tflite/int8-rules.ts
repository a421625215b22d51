import type { Quantization } from '../../../engine/session/metadata';

/** What activations become. */
export type Activations = 'int8' | 'int16';

/** Where an operator with weights has what, among its inputs. */
export interface LayerRule {
  readonly input: number;
  readonly weight: number;
  readonly bias: number;
  /** The dimension of the weight's output channels. */
  readonly axis: number;
  /** The operator's version that computes in int8, with a scale for each channel. */
  readonly version: number;
}

/** How an operator without weights computes in int8. */
export interface OperatorRule {
  readonly version: number;
  /** The inputs that hold real numbers: all of them, or one. */
  readonly data: 'all' | number;
  /**
   * Whose parameters the output has: its `own`, the `input`'s, or fixed ones. With `shared` the
   * inputs must have the output's.
   */
  readonly output: 'own' | 'input' | 'shared' | Quantization;
  /** Whether XNNPACK computes it in int8, so that it does not cut the graph in two. */
  readonly isDelegated: boolean;
}

/**
 * TensorFlow's rules for operators with weights: int8 activations, symmetric int8 weights with a
 * scale for each output channel, int32 biases.
 *
 * @see https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/quantization_spec
 */
export const LAYERS: ReadonlyMap<string, LayerRule> = new Map([
  ['CONV_2D', { input: 0, weight: 1, bias: 2, axis: 0, version: 3 }],
  ['DEPTHWISE_CONV_2D', { input: 0, weight: 1, bias: 2, axis: 3, version: 3 }],
  ['FULLY_CONNECTED', { input: 0, weight: 1, bias: 2, axis: 0, version: 4 }],
  ['TRANSPOSE_CONV', { input: 2, weight: 1, bias: 3, axis: 0, version: 3 }],
]);

const fixed = (scale: number, zeroPoint: number): Quantization => ({
  scale: [scale],
  zeroPoint: [zeroPoint],
});

type Names = Readonly<Record<string, number>>;

const rules = (rule: Omit<OperatorRule, 'version'>, versions: Names): [string, OperatorRule][] =>
  Object.entries(versions).map(([name, version]) => [name, { ...rule, version }]);

/** The other operators of TensorFlow's rules, with the versions that compute in int8. */
export const OPERATORS: ReadonlyMap<string, OperatorRule> = new Map([
  ...rules({ data: 'all', output: 'own', isDelegated: true }, { ADD: 2, MUL: 2, SUB: 2 }),
  ...rules({ data: 0, output: 'own', isDelegated: true }, { MEAN: 2, LEAKY_RELU: 2 }),
  ...rules(
    { data: 0, output: 'own', isDelegated: false },
    { SUM: 2, HARD_SWISH: 1, GELU: 2, RELU: 2, RELU6: 2, RELU_N1_TO_1: 1 },
  ),
  ...rules({ data: 'all', output: 'own', isDelegated: false }, { PRELU: 1, BATCH_MATMUL: 2 }),
  ...rules({ data: 0, output: fixed(1 / 256, -128), isDelegated: true }, { LOGISTIC: 2 }),
  ...rules({ data: 0, output: fixed(1 / 256, -128), isDelegated: false }, { SOFTMAX: 2 }),
  ...rules({ data: 0, output: fixed(1 / 128, 0), isDelegated: true }, { TANH: 2 }),
  ...rules({ data: 0, output: fixed(1 / 128, 0), isDelegated: false }, { L2_NORMALIZATION: 2 }),
  ...rules({ data: 0, output: fixed(16 / 256, 127), isDelegated: false }, { LOG_SOFTMAX: 2 }),
  ...rules(
    { data: 0, output: 'input', isDelegated: true },
    {
      MAX_POOL_2D: 2,
      RESHAPE: 1,
      TRANSPOSE: 2,
      SLICE: 2,
      STRIDED_SLICE: 2,
      PAD: 2,
      RESIZE_BILINEAR: 2,
      DEPTH_TO_SPACE: 2,
      REDUCE_MAX: 2,
    },
  ),
  ...rules({ data: 1, output: 'input', isDelegated: true }, { SPLIT: 2 }),
  ...rules(
    { data: 0, output: 'input', isDelegated: false },
    {
      AVERAGE_POOL_2D: 2,
      MIRROR_PAD: 2,
      GATHER: 2,
      SQUEEZE: 1,
      EXPAND_DIMS: 1,
      RESIZE_NEAREST_NEIGHBOR: 2,
      SPACE_TO_DEPTH: 2,
      SPACE_TO_BATCH_ND: 2,
      BATCH_TO_SPACE_ND: 2,
      REDUCE_MIN: 2,
      UNPACK: 2,
      SPLIT_V: 2,
    },
  ),
  ...rules({ data: 'all', output: 'shared', isDelegated: true }, { CONCATENATION: 2 }),
  ...rules(
    { data: 'all', output: 'shared', isDelegated: false },
    { MAXIMUM: 2, MINIMUM: 2, PACK: 2 },
  ),
]);

/**
 * The operators of both lists that compute in int16 too, with the versions that do: symmetric int16
 * activations, int8 weights, int64 biases. XNNPACK has none of them.
 *
 * @see tensorflow/lite/tools/versioning/op_version.cc
 */
export const INT16_VERSIONS: ReadonlyMap<string, number> = new Map(
  Object.entries({
    ...{ CONV_2D: 4, DEPTHWISE_CONV_2D: 5, FULLY_CONNECTED: 12, TRANSPOSE_CONV: 3 },
    ...{ ADD: 3, MUL: 4, SUB: 5, MEAN: 3, LEAKY_RELU: 2, RELU: 3, RELU6: 3, BATCH_MATMUL: 3 },
    ...{ LOGISTIC: 3, SOFTMAX: 3, TANH: 3, CONCATENATION: 3, MAXIMUM: 4, MINIMUM: 4, PACK: 3 },
    ...{ MAX_POOL_2D: 3, AVERAGE_POOL_2D: 3, REDUCE_MAX: 3, REDUCE_MIN: 3 },
    ...{ RESHAPE: 1, TRANSPOSE: 5, SLICE: 4, STRIDED_SLICE: 4, PAD: 3, SPLIT: 4, UNPACK: 4 },
    ...{ RESIZE_BILINEAR: 4, RESIZE_NEAREST_NEIGHBOR: 4, GATHER: 4, SQUEEZE: 1, EXPAND_DIMS: 1 },
  }),
);

/** The fixed parameters that an output has in int16 in place of those in int8. */
export const INT16_FIXED = fixed(1 / 32768, 0);
