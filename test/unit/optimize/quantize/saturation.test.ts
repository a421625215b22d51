import { InferenceSession, Tensor } from 'onlite';
import { describe, expect, it } from 'vitest';

import { int8Support } from '../../../../lib/cpu';
import {
  makeFloats,
  makeNode,
  makeTensor,
  OnnxDataType,
  writeOnnxModel,
  type NodeProto,
  type TensorProto,
} from '../../../../lib/formats/onnx';
import { quantizeArray } from '../../../../lib/optimize/quantize/integers';
import { weightParameters } from '../../../../lib/optimize/quantize/parameters';
import {
  saturation,
  SATURATION_LIMIT,
  withoutSaturation,
} from '../../../../lib/optimize/quantize/saturation';
import { floatModel, randomFloats } from './float-model';

const int8s = (length: number, seed: number, greatest = 127): Int8Array =>
  Int8Array.from(randomFloats(length, seed), (value) => Math.round(value * greatest));
const uint8s = (length: number, seed: number): Uint8Array =>
  Uint8Array.from(randomFloats(length, seed), (value) => Math.round(255 * Math.abs(value) ** 0.3));

const saturated = (sum: number): number => Math.max(-32768, Math.min(32767, sum));

/** A row of weights times activations, as a processor that saturates or another has it. */
function product(weights: number[], activations: number[], saturates: boolean): number {
  const products = weights.map((weight, index) => weight * activations[index]!);
  let sum = 0;
  for (let index = 0; index < products.length; index += 2) {
    const pair = products[index]! + (products[index + 1] ?? 0);
    sum += saturates ? saturated(pair) : pair;
  }
  return sum;
}

async function run(
  node: NodeProto,
  initializers: TensorProto[],
  x: Uint8Array,
  dims: number[],
): Promise<number[]> {
  const model = floatModel(dims, [node], initializers);
  const [input] = model.graph!.input;
  const [output] = model.graph!.output;
  input!.type!.tensorType!.elemType = OnnxDataType.UINT8;
  delete output!.type;
  const session = await InferenceSession.create(writeOnnxModel(model), { logSeverityLevel: 4 });
  const { y } = await session.run({ x: new Tensor('uint8', x, dims) });
  await session.release();
  return Array.from(y!.data as Int32Array);
}

/** A QLinearConv of activations of 255; `scale` is the output's. */
function convolve(
  weights: Int8Array,
  dims: number[],
  { scale, groups = 1 }: { scale: number; groups?: number },
): Promise<number[]> {
  const [, channels = 1, ...kernel] = dims;
  const zero = (name: string, type: number) => makeTensor(name, type, [], new Uint8Array(1));
  const inputs = ['x', 'one', 'z8', 'w', 'one', 'zs8', 'scale', 'z8'];
  const attributes = { group: BigInt(groups) };
  const constants = [
    makeFloats('one', [1], []),
    makeFloats('scale', [scale], []),
    zero('z8', OnnxDataType.UINT8),
    zero('zs8', OnnxDataType.INT8),
    makeTensor('w', OnnxDataType.INT8, dims, weights),
  ];
  const sizes = [1, channels * groups, ...kernel];
  const x = new Uint8Array(sizes.reduce((product, dim) => product * dim, 1)).fill(255);
  return run(makeNode('QLinearConv', inputs, ['y'], { attributes }), constants, x, sizes);
}

const { saturates } = int8Support();

describe('saturation', () => {
  it('counts pairs of weights of the same sign that add up to more than 128', () => {
    const node = makeNode('MatMul', ['x', 'w'], ['y']);
    // Rows of what is multiplied: [100, 28 | 1], [100, 29 | 127], [-127, 127 | 0], [-70, -60 | 5].
    const weights = Int8Array.of(100, 100, -127, -70, 28, 29, 127, -60, 1, 127, 0, 5);
    const expected = { pairs: 8, saturating: 2, worst: 130 };
    expect(saturation(node, weights, [3, 4])).toEqual(expected);
    const transposed = Int8Array.of(100, 28, 1, 100, 29, 127, -127, 127, 0, -70, -60, 5);
    const gemm = makeNode('Gemm', ['x', 'w'], ['y'], { attributes: { transB: 1n } });
    expect(saturation(gemm, transposed, [4, 3])).toEqual(expected);
  });

  it('has none in weights of half the range, nor in depthwise convolutions', () => {
    const weights = int8s(512, 3, 64);
    expect(saturation(makeNode('MatMul', [], []), weights, [32, 16])).toMatchObject({
      pairs: 256,
      saturating: 0,
    });
    const depthwise = makeNode('Conv', [], [], { attributes: { group: 4n } });
    const full = Int8Array.from({ length: 36 }, () => 127);
    expect(saturation(depthwise, full, [4, 1, 3, 3])).toMatchObject({ pairs: 0, saturating: 0 });
    expect(saturation(makeNode('Relu', [], []), weights, [512])).toBeUndefined();
  });

  it.runIf(saturates !== undefined).each([
    [1, 7],
    [1, 64],
    [5, 64],
  ])('is where this processor saturates: %i rows of a matrix of %i', async (rows, inner) => {
    const columns = 8;
    const weights = int8s(inner * columns, 5);
    const x = uint8s(rows * inner, 6);
    const node = makeNode('MatMulInteger', ['x', 'w'], ['y']);
    const w = makeTensor('w', OnnxDataType.INT8, [inner, columns], weights);
    const expected = (isSaturating: boolean): number[] =>
      Array.from({ length: rows * columns }, (_, index) => {
        const [row, column] = [Math.floor(index / columns), index % columns];
        const own = Array.from({ length: inner }, (__, k) => weights[k * columns + column]!);
        return product(own, [...x.subarray(row * inner, (row + 1) * inner)], isSaturating);
      });
    expect(await run(node, [w], x, [rows, inner])).toEqual(expected(saturates!));
    expect(expected(true)).not.toEqual(expected(false));
    const found = saturation(makeNode('MatMul', ['x', 'w'], ['y']), weights, [inner, columns]);
    expect(found!.saturating).toBeGreaterThan(0);
  });

  it.runIf(saturates !== undefined).each([2, 4])(
    'is where this processor saturates: a convolution of %i channels',
    async (channels) => {
      // At the first place of the kernel all weights are great, at the second none is.
      const weights = Int8Array.from({ length: 8 * channels * 2 }, (_, index) =>
        index % 2 === 0 ? 100 : 0,
      );
      const dims = [8, channels, 1, 2];
      const exact = 255 * 100 * channels;
      const sum = saturates ? 32767 * (channels / 2) : exact;
      const results = await convolve(weights, dims, { scale: exact / 255 });
      expect(results).toEqual(Array<number>(8).fill(Math.round((sum / exact) * 255)));
      expect(saturation(makeNode('Conv', ['x', 'w'], ['y']), weights, dims)).toEqual({
        pairs: 8 * channels,
        saturating: 4 * channels,
        worst: 200,
      });
    },
  );

  it('is nowhere in depthwise convolutions', async () => {
    const weights = new Int8Array(8 * 9).fill(127);
    const results = await convolve(weights, [8, 1, 3, 3], { scale: 9 * 127, groups: 8 });
    expect(results).toEqual(Array<number>(8).fill(255));
  });
});

describe('withoutSaturation', () => {
  /** Cubes, of which few are great. */
  const heavyTailed = (length: number, seed: number): Float32Array =>
    randomFloats(length, seed).map((value) => value ** 3);

  it.each([
    ['MatMul', [33, 16], 1],
    ['Gemm', [16, 33], 0],
    ['Conv', [16, 3, 3, 3], 0],
    ['MatMul', [64, 16], undefined],
  ] as const)('raises the scales of %s by as much as is needed', (operator, dims, axis) => {
    const attributes = operator === 'Gemm' ? { transB: 1n } : {};
    const node = makeNode(operator, ['x', 'w'], ['y'], { attributes });
    const values = heavyTailed(
      dims.reduce((product, dim) => product * dim, 1),
      7,
    );
    const plain = weightParameters(values, dims, 'int8', axis === undefined ? {} : { axis });
    const raised = withoutSaturation(node, values, dims, plain);
    const sums = (parameters: typeof plain) =>
      saturation(node, quantizeArray(values, dims, parameters, 'int8'), dims)!;
    expect(sums(plain).saturating).toBeGreaterThan(0);
    expect(sums(raised).saturating).toBe(0);
    expect(sums(raised).worst).toBeGreaterThan(SATURATION_LIMIT - 3);
    // The two greatest of a channel are seldom a pair: 7 bits would double every scale.
    const ratios = raised.scale.map((scale, channel) => scale / plain.scale[channel]!);
    expect(Math.min(...ratios)).toBeGreaterThanOrEqual(1);
    expect(ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length).toBeLessThan(1.9);
  });

  it('leaves depthwise convolutions and other operators alone', () => {
    const values = new Float32Array(36).fill(1);
    const plain = weightParameters(values, [4, 1, 3, 3], 'int8', { axis: 0 });
    const depthwise = makeNode('Conv', [], [], { attributes: { group: 4n } });
    expect(withoutSaturation(depthwise, values, [4, 1, 3, 3], plain)).toEqual(plain);
    expect(withoutSaturation(makeNode('Relu', [], []), values, [36], plain)).toEqual(plain);
  });

  it.runIf(saturates === true).each([
    [[8, 3, 3, 3], 1],
    [[8, 5, 1, 2], 1],
    [[8, 1, 3, 3], 1],
    [[8, 3, 1, 3], 2],
  ])('has this processor add exactly: kernels %j in %i groups', async (dims, groups) => {
    const size = dims.slice(1).reduce((product, dim) => product * dim, 1);
    const values = randomFloats(8 * size, 8).map((value) => 1 + value / 4);
    const node = makeNode('Conv', ['x', 'w'], ['y'], { attributes: { group: BigInt(groups) } });
    const plain = weightParameters(values, dims, 'int8', { axis: 0 });
    const stepsOff = async (parameters: typeof plain): Promise<number> => {
      const weights = quantizeArray(values, dims, parameters, 'int8') as Int8Array;
      const scale = 127 * size;
      const results = await convolve(weights, dims, { scale, groups });
      const exact = results.map((_, output) => {
        const own = weights.subarray(output * size, (output + 1) * size);
        return (255 * own.reduce((sum, weight) => sum + weight, 0)) / scale;
      });
      return Math.max(...results.map((result, output) => Math.abs(result - exact[output]!)));
    };
    expect(await stepsOff(plain)).toBeGreaterThan(2);
    expect(await stepsOff(withoutSaturation(node, values, dims, plain))).toBeLessThanOrEqual(0.51);
  });
});
