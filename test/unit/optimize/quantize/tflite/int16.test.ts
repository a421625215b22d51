import { describe, expect, it } from 'vitest';
import {
  readTflite,
  SubgraphEditor,
  TensorType,
  writeTflite,
  type ModelT,
  type OptionsT,
} from '../../../../../lib/formats/tflite';
import { DifferenceSums } from '../../../../../lib/optimize/measures/difference';
import { dequantizeArray, quantizeArray } from '../../../../../lib/optimize/quantize/integers';
import { weightParameters } from '../../../../../lib/optimize/quantize/parameters';
import { INT16_VERSIONS, LAYERS } from '../../../../../lib/optimize/quantize/tflite/int8-rules';
import { Random } from '../../../../stress/hostile/random.mjs';
import { Network } from './network';
import {
  SHAPE,
  builtIn,
  classifier,
  find,
  int8,
  operators,
  parametersOf,
  randomNetwork,
  run,
  scaleOf,
  seed,
  typeOf,
  variants,
  versionOf,
} from './int8-support';

/** The model in floats, with weights that are as int8 has them. */
function withRoundedWeights(model: ModelT): ModelT {
  const changed = readTflite(writeTflite(model));
  const editor = new SubgraphEditor(changed);
  for (const operator of editor.graph.operators) {
    const rule = LAYERS.get(editor.operatorName(operator));
    if (!rule) continue;
    const { shape = [] } = editor.tensor(operator.inputs[rule.weight]) ?? {};
    const values = editor.constantFloats(operator.inputs[rule.weight])!;
    const parameters = weightParameters(values, shape, 'int8', { axis: rule.axis });
    const integers = quantizeArray(values, shape, parameters, 'int8');
    const rounded = dequantizeArray(integers, shape, parameters);
    editor.replaceFloats(operator, rule.weight, rounded);
  }
  return changed;
}

/**
 * Of 16 bits, on the built-in kernels (XNNPACK has none), beside floats with the same weights: those
 * leave more noise than 16 bits do.
 */
async function int16Sqnr(float: ModelT, editor: SubgraphEditor): Promise<number> {
  const expected = await run(withRoundedWeights(float), builtIn);
  const found = await run(editor.model, builtIn);
  const sums = new DifferenceSums();
  found.forEach((values, index) => sums.add(expected[index]!, values));
  return sums.result.sqnr;
}

describe('int16', () => {
  const activations = 'int16';

  it("follows TensorFlow's rules", async () => {
    const float = classifier();
    const editor = await int8(float, { activations });
    for (const operator of editor.graph.operators.slice(0, -1)) {
      expect(typeOf(editor, operator.outputs[0])).toBe(TensorType.int16);
    }
    for (const [name, version] of [
      ['CONV_2D', 4],
      ['DEPTHWISE_CONV_2D', 5],
      ['FULLY_CONNECTED', 12],
      ['ADD', 3],
      ['QUANTIZE', 2],
      ['DEQUANTIZE', 3],
    ] as const) {
      expect(versionOf(editor, name), name).toBe(version);
    }
    const [input, weight, bias] = find(editor, 'CONV_2D').inputs;
    expect(typeOf(editor, weight)).toBe(TensorType.int8);
    expect(typeOf(editor, bias)).toBe(TensorType.int64);
    const [scale = 0] = scaleOf(editor, input);
    const scales = scaleOf(editor, weight).map((each) => Math.fround(scale * each));
    expect(scaleOf(editor, bias)).toEqual(scales);
    expect(find(editor, 'ADD').builtinOptions).toMatchObject({ potScaleInt16: false });
    expect(parametersOf(editor, find(editor, 'SOFTMAX').outputs[0])).toEqual({
      scale: [1 / 32768],
      zeroPoint: [0n],
    });
    for (const { quantization, type } of editor.graph.tensors) {
      if (type === TensorType.int16) expect(quantization?.zeroPoint).toEqual([0n]);
    }
    expect(await int16Sqnr(float, editor)).toBeGreaterThan(60);
  });

  it('is what the model takes and gives, where that is wanted', async () => {
    const float = classifier();
    const editor = await int8(float, { activations, io: 'int16' });
    expect(operators(editor)[0]).toBe('CONV_2D');
    expect(typeOf(editor, editor.graph.inputs[0])).toBe(TensorType.int16);
    expect(await int16Sqnr(float, editor)).toBeGreaterThan(60);
  });

  it('is not for operators that have no such kernel', async () => {
    const net = new Network();
    const float = net.output(net.conv(net.unary('HARD_SWISH', net.conv(net.input(SHAPE), 8)), 4));
    const editor = await int8(float, { activations });
    expect(typeOf(editor, find(editor, 'HARD_SWISH').outputs[0])).toBe(TensorType.float32);
    expect(await int16Sqnr(float, editor)).toBeGreaterThan(60);
  });

  it('runs in networks of any shape', { timeout: 120_000 }, async () => {
    for (let variant = 0; variant < variants; variant++) {
      const float = randomNetwork(Random.for('int16', seed, variant));
      const editor = await int8(float, { activations });
      const found = await int16Sqnr(float, editor);
      expect(found, `seed ${seed} variant ${variant}`).toBeGreaterThan(35);
    }
  });

  const x = [1, 8, 8, 8];
  const same: Record<string, [string, OptionsT]> = {
    LEAKY_RELU: ['LeakyReluOptions', { alpha: 0.1 }],
    LOGISTIC: ['', {}],
    RELU: ['', {}],
    RELU6: ['', {}],
    SOFTMAX: ['SoftmaxOptions', { beta: 1 }],
    TANH: ['', {}],
  };
  const pairs: Record<string, [string, OptionsT]> = {
    ADD: ['AddOptions', {}],
    BATCH_MATMUL: ['BatchMatMulOptions', {}],
    MAXIMUM: ['MaximumMinimumOptions', {}],
    MINIMUM: ['MaximumMinimumOptions', {}],
    MUL: ['MulOptions', {}],
    SUB: ['SubOptions', {}],
  };
  const image = { padding: 0, strideW: 1, strideH: 1 };
  const pool: [string, OptionsT] = ['Pool2DOptions', { ...image, filterWidth: 2, filterHeight: 2 }];
  const means: [string, OptionsT] = ['ReducerOptions', { keepDims: true }];
  /** Further inputs, the output's dims and options of the other operators. */
  const others: Record<
    string,
    [(net: Network, input: number) => number[], number[], [string, OptionsT]?]
  > = {
    AVERAGE_POOL_2D: [(_, input) => [input], x, pool],
    CONCATENATION: [
      (_, input) => [input, input],
      [1, 8, 8, 16],
      ['ConcatenationOptions', { axis: 3 }],
    ],
    CONV_2D: [
      (net, input) => [input, net.floats([4, 1, 1, 8]), net.floats([4])],
      [1, 8, 8, 4],
      ['Conv2DOptions', image],
    ],
    DEPTHWISE_CONV_2D: [
      (net, input) => [input, net.floats([1, 3, 3, 8]), net.floats([8])],
      x,
      ['DepthwiseConv2DOptions', { ...image, depthMultiplier: 1 }],
    ],
    EXPAND_DIMS: [(net, input) => [input, net.integers([0], [])], [1, 1, 8, 8, 8]],
    FULLY_CONNECTED: [
      (net, input) => [input, net.floats([5, 512]), net.floats([5])],
      [1, 5],
      ['FullyConnectedOptions', {}],
    ],
    GATHER: [
      (net, input) => [input, net.integers([0, 2, 1])],
      [1, 3, 8, 8],
      ['GatherOptions', { axis: 1 }],
    ],
    MAX_POOL_2D: [(_, input) => [input], x, pool],
    MEAN: [(net, input) => [input, net.integers([1, 2])], [1, 1, 1, 8], means],
    PACK: [
      (_, input) => [input, input],
      [1, 2, 8, 8, 8],
      ['PackOptions', { valuesCount: 2, axis: 1 }],
    ],
    PAD: [(net, input) => [input, net.integers([0, 0, 1, 1, 1, 1, 0, 0], [4, 2])], [1, 10, 10, 8]],
    REDUCE_MAX: [(net, input) => [input, net.integers([1, 2])], [1, 1, 1, 8], means],
    REDUCE_MIN: [(net, input) => [input, net.integers([1, 2])], [1, 1, 1, 8], means],
    RESHAPE: [
      (net, input) => [input, net.integers([1, 64, 8])],
      [1, 64, 8],
      ['ReshapeOptions', { newShape: [1, 64, 8] }],
    ],
    RESIZE_BILINEAR: [
      (net, input) => [input, net.integers([4, 4])],
      [1, 4, 4, 8],
      ['ResizeBilinearOptions', {}],
    ],
    RESIZE_NEAREST_NEIGHBOR: [
      (net, input) => [input, net.integers([4, 4])],
      [1, 4, 4, 8],
      ['ResizeNearestNeighborOptions', {}],
    ],
    SLICE: [
      (net, input) => [input, net.integers([0, 1, 1, 0]), net.integers([1, 4, 4, 8])],
      [1, 4, 4, 8],
    ],
    SPLIT: [(net, input) => [net.integers([0], []), input], x, ['SplitOptions', { numSplits: 1 }]],
    SQUEEZE: [(_, input) => [input], [8, 8, 8], ['SqueezeOptions', { squeezeDims: [0] }]],
    STRIDED_SLICE: [
      (net, input) => [
        input,
        ...[[0, 0, 0, 0], x, [1, 2, 2, 1]].map((values) => net.integers(values)),
      ],
      [1, 4, 4, 8],
      ['StridedSliceOptions', {}],
    ],
    TRANSPOSE: [(net, input) => [input, net.integers([0, 2, 1, 3])], x],
    TRANSPOSE_CONV: [
      (net, input) => [net.integers([1, 8, 8, 4]), net.floats([4, 3, 3, 8]), input],
      [1, 8, 8, 4],
      ['TransposeConvOptions', image],
    ],
    UNPACK: [(_, input) => [input], [8, 8, 8], ['UnpackOptions', { num: 1, axis: 0 }]],
    ...Object.fromEntries(
      Object.entries(same).map(([name, options]) => [name, [(_, input) => [input], x, options]]),
    ),
    ...Object.fromEntries(
      Object.entries(pairs).map(([name, options]) => [
        name,
        [(net: Network, input: number) => [input, net.conv(input, 8)], x, options],
      ]),
    ),
  };

  it('is what all operators of the list take', () => {
    expect(Object.keys(others).sort()).toEqual([...INT16_VERSIONS.keys()].sort());
  });

  it.each(Object.entries(others))('has a kernel for %s', async (name, [inputs, dims, options]) => {
    const net = new Network();
    const first = net.conv(net.input(SHAPE), 8);
    const given = options?.[0] === '' ? undefined : options;
    const float = net.output(net.operator(name, inputs(net, first), dims, given));
    const editor = await int8(float, { activations });
    const own = editor.graph.operators.filter((each) => editor.operatorName(each) === name).at(-1);
    expect(typeOf(editor, own?.outputs[0])).toBe(TensorType.int16);
    expect(await int16Sqnr(float, editor)).toBeGreaterThan(30);
  });
});
