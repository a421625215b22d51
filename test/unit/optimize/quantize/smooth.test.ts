import { describe, expect, it } from 'vitest';

import {
  makeFloats,
  makeNode,
  OnnxDataType,
  tensorValues,
  type ModelProto,
  type NodeProto,
  type TensorProto,
} from '../../../../lib/formats/onnx';
import {
  foldNormalizations,
  normalizedValues,
  smoothNormalizations,
} from '../../../../lib/optimize/quantize/smooth';
import { floatModel, randomTensor, sqnrAfter } from './float-model';

const uneven = [12, 0.5, 1 / 12, 3, 1, 7, 0.2, 0.1];
const dims = [2, 5, 8];

/** Three matrices that take 'n': with a bias behind it, as a Gemm, and without a bias. */
const matrices = (): NodeProto[] => [
  makeNode('MatMul', ['n', 'wq'], ['q']),
  makeNode('Add', ['bq', 'q'], ['yq']),
  makeNode('MatMul', ['n', 'wk'], ['yk']),
];
const constants = (): TensorProto[] => [
  randomTensor('gamma', [8], { seed: 2, ranges: uneven }),
  randomTensor('beta', [8], { seed: 3, ranges: uneven }),
  randomTensor('wq', [8, 4], { seed: 4 }),
  randomTensor('bq', [4], { seed: 5 }),
  randomTensor('wk', [8, 6], { seed: 6 }),
];

const layerNorm = makeNode('LayerNormalization', ['x', 'gamma', 'beta'], ['n']);

/** As exporters write a LayerNormalization before opset 17. */
const primitives = [
  makeNode('ReduceMean', ['x'], ['mean'], { attributes: { axes: [-1n] } }),
  makeNode('Sub', ['x', 'mean'], ['d']),
  makeNode('Mul', ['d', 'd'], ['d2']),
  makeNode('ReduceMean', ['d2'], ['variance'], { attributes: { axes: [-1n] } }),
  makeNode('Add', ['variance', 'epsilon'], ['v']),
  makeNode('Sqrt', ['v'], ['deviation']),
  makeNode('Div', ['d', 'deviation'], ['unit']),
  makeNode('Mul', ['unit', 'gamma'], ['scaled']),
  makeNode('Add', ['scaled', 'beta'], ['n']),
];

const block = (normalization: NodeProto[], rest = matrices(), outputs = ['yq', 'yk']): ModelProto =>
  floatModel(
    ['n', 'length', 8],
    [...normalization.map((node) => structuredClone(node)), ...rest],
    [...constants(), makeFloats('epsilon', [1e-5], [])],
    outputs,
  );

function floats(model: ModelProto, name: string): number[] {
  const tensor = model.graph!.initializer.find((initializer) => initializer.name === name);
  return [...tensorValues(tensor!, OnnxDataType.FLOAT)];
}

describe.each([
  ['LayerNormalization', [layerNorm]],
  ['what exporters write for it', primitives],
])('%s', (_name, normalization) => {
  it('gives its factors to the matrices that follow', async () => {
    const { sqnr, result, changed } = await sqnrAfter(
      block(normalization),
      dims,
      foldNormalizations,
    );
    expect(sqnr).toBeGreaterThan(120);
    expect(result).toEqual([
      { value: 'n', channels: 8, matrices: ['q', 'yk'], isShiftFolded: false },
    ]);
    expect(floats(changed, 'gamma')).toEqual(Array<number>(8).fill(1));
    const [gamma, , wq] = constants();
    const factor = tensorValues(gamma!, OnnxDataType.FLOAT)[1]!;
    const weight = tensorValues(wq!, OnnxDataType.FLOAT)[4]!;
    expect(floats(changed, 'wq')[4]).toBeCloseTo(factor * weight, 6);
  });

  it('gives what it adds to their biases where each has one', async () => {
    const model = block(
      normalization,
      [...matrices(), makeNode('Add', ['yk', 'bk'], ['y'])],
      ['yq', 'y'],
    );
    model.graph!.initializer.push(randomTensor('bk', [1, 6], { seed: 8 }));
    const { sqnr, result, changed } = await sqnrAfter(model, dims, foldNormalizations);
    expect(sqnr).toBeGreaterThan(120);
    expect(result).toEqual([expect.objectContaining({ isShiftFolded: true })]);
    expect(floats(changed, 'beta').every((value) => value === 0)).toBe(true);
  });

  it('shares ranges with the weights by the square root', async () => {
    const maxima = new Map([['n', uneven.map((value) => 4 * value)]]);
    const { sqnr, result, changed } = await sqnrAfter(block(normalization), dims, (editor) => {
      expect(normalizedValues(editor)).toEqual(['n']);
      return smoothNormalizations(editor, maxima);
    });
    expect(sqnr).toBeGreaterThan(120);
    expect(result).toHaveLength(1);
    const weights = [...floats(changed, 'wq').slice(0, 4), ...floats(changed, 'wk').slice(0, 6)];
    const before = constants();
    const row = [2, 4].flatMap((index) => {
      const values = tensorValues(before[index]!, OnnxDataType.FLOAT);
      return [...values.subarray(0, index === 2 ? 4 : 6)];
    });
    const greatest = (values: number[]): number => Math.max(...values.map(Math.abs));
    // max|x| ∕ s = max|w| · s
    expect(greatest(weights)).toBeCloseTo(Math.sqrt(48 * greatest(row)), 4);
  });
});

describe('normalisations that are left alone', () => {
  const untouched = async (model: ModelProto, sizes = dims): Promise<void> => {
    const { sqnr, result } = await sqnrAfter(model, sizes, foldNormalizations);
    expect(result).toEqual([]);
    expect(sqnr).toBe(Infinity);
  };

  it('have other uses: a residual connection, an output', async () => {
    const residual = makeNode('Add', ['x', 'n'], ['r']);
    await untouched(block([layerNorm], [...matrices(), residual], ['yq', 'yk', 'r']));
    await untouched(block([layerNorm], matrices(), ['yq', 'yk', 'n']));
  });

  it('multiply by one number, or are taken by other operators', async () => {
    const scalar = makeNode('Mul', ['x', 'epsilon'], ['n']);
    await untouched(block([scalar]));
    await untouched(block([layerNorm], [makeNode('Sigmoid', ['n'], ['y'])], ['y']));
  });

  it('were not calibrated', async () => {
    const { result } = await sqnrAfter(block([layerNorm]), dims, (editor) =>
      smoothNormalizations(editor, new Map([['n', [1, 2, 3]]])),
    );
    expect(result).toEqual([]);
  });
});

describe('a Gemm', () => {
  it('takes factors and what is added, and keeps channels of factor 0', async () => {
    const model = floatModel(
      ['n', 8],
      [
        makeNode('Mul', ['x', 'gamma'], ['s']),
        makeNode('Add', ['s', 'beta'], ['n']),
        makeNode('Gemm', ['n', 'w', 'b'], ['y'], { attributes: { transB: 1n } }),
      ],
      [
        makeFloats('gamma', [0, 1e3, -2, 3, 1e-3, 1, 1, 1]),
        randomTensor('beta', [8]),
        randomTensor('w', [4, 8], { seed: 2 }),
        randomTensor('b', [4], { seed: 3 }),
      ],
    );
    const { sqnr, changed } = await sqnrAfter(model, [3, 8], foldNormalizations);
    expect(sqnr).toBeGreaterThan(120);
    expect(floats(changed, 'gamma')).toEqual([0, 1, 1, 1, 1, 1, 1, 1]);
  });
});
