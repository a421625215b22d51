import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { Tensor } from 'onlite';
import { afterAll, describe, expect, it } from 'vitest';

import {
  GraphEditor,
  makeFloats,
  makeNode,
  OnnxDataType,
  tensorValues,
  writeOnnxModel,
  type ModelProto,
  type NodeProto,
  type TensorProto,
} from '../../../../lib/formats/onnx';
import { Yardstick } from '../../../../lib/optimize/guard/yardstick';
import { quantizeDynamic } from '../../../../lib/optimize/quantize/dynamic';
import { quantizeModel } from '../../../../lib/optimize/quantize/quantize-model';
import { normalizedValues, smoothNormalizations } from '../../../../lib/optimize/quantize/smooth';
import { floatModel, randomFloats, randomTensor, sqnrAfter } from './float-model';

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

/** What calibration would have found of 'n'. */
const calibrated = new Map([['n', { peak: uneven.map((value) => 4 * value) }]]);

function floats(model: ModelProto, name: string): number[] {
  const tensor = model.graph!.initializer.find((initializer) => initializer.name === name);
  return [...tensorValues(tensor!, OnnxDataType.FLOAT)];
}

describe.each([
  ['LayerNormalization', [layerNorm]],
  ['what exporters write for it', primitives],
])('%s', (_name, normalization) => {
  it('shares ranges with the weights by the square root', async () => {
    const { sqnr, result, changed } = await sqnrAfter(block(normalization), dims, (editor) => {
      expect(normalizedValues(editor)).toEqual(new Map([['n', -1]]));
      return smoothNormalizations(editor, calibrated);
    });
    expect(sqnr).toBeGreaterThan(120);
    expect(result).toEqual([{ value: 'n', channels: 8, matrices: ['q', 'yk'] }]);
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
    const { sqnr, result } = await sqnrAfter(model, sizes, (editor) =>
      smoothNormalizations(editor, calibrated),
    );
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
      smoothNormalizations(editor, new Map([['n', { peak: [1, 2, 3] }]])),
    );
    expect(result).toEqual([]);
  });
});

describe('a Gemm', () => {
  it('takes factors, but none for a channel that is always 0', async () => {
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
    const { sqnr, changed } = await sqnrAfter(model, [3, 8], (editor) =>
      smoothNormalizations(editor, new Map([['n', { peak: [0, 1e3, 2, 3, 1e-3, 1, 1, 1] }]]), {
        alpha: 1,
      }),
    );
    expect(sqnr).toBeGreaterThan(120);
    expect(floats(changed, 'gamma')).toEqual([0, 1, -1, 1, 1, 1, 1, 1].map(Math.fround));
  });
});

describe('an encoder with a few channels far out', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'onlite-smooth-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const width = 32;
  /** The weights for what is far out are small, as training leaves them. */
  const far = Array.from({ length: width }, (_, channel) => (channel % 11 === 3 ? 30 : 1));
  const model = floatModel(
    ['n', 'length', width],
    [
      makeNode('LayerNormalization', ['x', 'gamma', 'beta'], ['normal']),
      makeNode('MatMul', ['normal', 'wide'], ['hidden']),
      makeNode('Sigmoid', ['hidden'], ['gate']),
      makeNode('Mul', ['hidden', 'gate'], ['active']),
      makeNode('MatMul', ['active', 'narrow'], ['result']),
      makeNode('Add', ['x', 'result'], ['y']),
    ],
    [
      makeFloats('gamma', far),
      makeFloats('beta', Array<number>(width).fill(0.1)),
      randomTensor('wide', [width, 4 * width], { ranges: far.map((value) => 0.3 / value ** 0.7) }),
      randomTensor('narrow', [4 * width, width], { seed: 2, ranges: [0.15] }),
    ],
  );
  const file = path.join(folder, 'float.onnx');
  writeFileSync(file, writeOnnxModel(model));
  const samples = Array.from({ length: 8 }, (_, seed) => ({
    feeds: { x: new Tensor('float32', randomFloats(2 * 9 * width, seed), [2, 9, width]) },
  }));

  it.each(['dynamic', 'static'] as const)('is quantised with less noise: %s', async (method) => {
    const { candidates } = await quantizeModel(file, path.join(folder, `${method}.onnx`), {
      data: () => samples,
      target: 'any',
      method,
      minSpeedup: 0,
      force: true,
    });
    const plain = new GraphEditor(structuredClone(model));
    quantizeDynamic(plain, { target: 'any' });
    const other = path.join(folder, 'plain.onnx');
    writeFileSync(other, writeOnnxModel(plain.commit()));
    const [found] = candidates;
    const { sqnr } = await new Yardstick(file, () => samples).fidelity(other);
    expect(found!.name).toMatch(/smoothed|equalised/);
    expect(found!.fidelity.sqnr).toBeGreaterThan(sqnr + 6);
  });
});
