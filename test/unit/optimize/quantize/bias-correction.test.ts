import { InferenceSession, Tensor } from 'onlite';
import { describe, expect, it } from 'vitest';

import {
  GraphEditor,
  makeFloats,
  makeNode,
  OnnxDataType,
  readOnnxModel,
  tensorValues,
  writeOnnxModel,
  type ModelProto,
} from '../../../../lib/formats/onnx';
import { difference } from '../../../../lib/optimize/measures/difference';
import {
  biasedValues,
  matchMoments,
  matchMomentsInOrder,
} from '../../../../lib/optimize/quantize/bias-correction';
import type { MatchedMoments } from '../../../../lib/optimize/quantize/moments';
import { floatModel, outputsOf, randomFloats, randomTensor } from './float-model';

const dims = [16, 3, 8, 8];
const pads = { attributes: { pads: [1n, 1n, 1n, 1n] } };
const flat = { attributes: { transB: 1n } };

/** Convolutions with a bias and without, a MatMul with an Add, and a Gemm. */
const network = (): ModelProto =>
  floatModel(
    ['n', 3, 8, 8],
    [
      makeNode('Conv', ['x', 'w1', 'b1'], ['c1'], pads),
      makeNode('Relu', ['c1'], ['r1']),
      makeNode('Conv', ['r1', 'w2'], ['c2'], pads),
      makeNode('Relu', ['c2'], ['r2']),
      makeNode('GlobalAveragePool', ['r2'], ['g']),
      makeNode('Flatten', ['g'], ['f']),
      makeNode('MatMul', ['f', 'w3'], ['m']),
      makeNode('Add', ['b3', 'm'], ['a']),
      makeNode('Relu', ['a'], ['r3']),
      makeNode('Gemm', ['r3', 'w4', 'b4'], ['y'], flat),
    ],
    [
      randomTensor('w1', [8, 3, 3, 3]),
      randomTensor('b1', [8], { seed: 2 }),
      randomTensor('w2', [8, 8, 3, 3], { seed: 3 }),
      randomTensor('w3', [8, 16], { seed: 4 }),
      randomTensor('b3', [1, 16], { seed: 5 }),
      randomTensor('w4', [10, 16], { seed: 6 }),
      randomTensor('b4', [10], { seed: 7 }),
    ],
  );

/** Rounds a model's weights to 15 values each, those of 4 bits. */
function coarser(model: ModelProto): ModelProto {
  const copy = readOnnxModel(writeOnnxModel(model));
  copy.graph!.initializer = copy.graph!.initializer.map((tensor) => {
    if (!tensor.name!.startsWith('w')) return tensor;
    const values = tensorValues(tensor, OnnxDataType.FLOAT);
    const scale = values.reduce((a, b) => Math.max(a, Math.abs(b)), 0) / 7;
    const rounded = values.map((value) => Math.round(value / scale) * scale);
    return makeFloats(tensor.name!, rounded, tensor.dims);
  });
  return copy;
}

async function momentsOf(
  model: ModelProto,
  axes: ReadonlyMap<string, number>,
): Promise<Map<string, MatchedMoments>> {
  const copy = readOnnxModel(writeOnnxModel(model));
  copy.graph!.output = [...axes.keys()].map((name) => ({ name, metadataProps: [] }));
  const session = await InferenceSession.create(writeOnnxModel(copy), { logSeverityLevel: 4 });
  const size = dims.reduce((product, dim) => product * dim, 1);
  const results = await session.run({ x: new Tensor('float32', randomFloats(size, 7), dims) });
  await session.release();
  return new Map(
    [...axes].map(([name, axis]) => {
      const { data, dims: shape } = results[name] as Tensor<'float32'>;
      const inner = axis === 1 ? shape.slice(2).reduce((product, dim) => product * dim, 1) : 1;
      const channels = shape.at(axis)!;
      const mean = new Float64Array(channels);
      const variance = new Float64Array(channels);
      const count = data.length / channels;
      const channelOf = (index: number): number => Math.floor(index / inner) % channels;
      for (const [index, value] of data.entries()) mean[channelOf(index)]! += value / count;
      for (const [index, value] of data.entries()) {
        variance[channelOf(index)]! += (value - mean[channelOf(index)]!) ** 2 / count;
      }
      return [name, { mean, variance }];
    }),
  );
}

const sqnr = async (reference: ModelProto, candidate: ModelProto): Promise<number> =>
  difference(
    await outputsOf(writeOnnxModel(reference), dims, 11),
    await outputsOf(writeOnnxModel(candidate), dims, 11),
  ).sqnr;

describe('matching moments', () => {
  it('finds the values that a bias is added to, and their channels', () => {
    expect([...biasedValues(new GraphEditor(network()))]).toEqual([
      ['c1', 1],
      ['c2', 1],
      ['a', -1],
      ['y', -1],
    ]);
  });

  it.each([false, true])('gives a layer the means, and deviations: %s', async (deviations) => {
    const axes = new Map([['c2', 1]]);
    const reference = await momentsOf(network(), axes);
    const measured = await momentsOf(coarser(network()), axes);
    // Of rounded weights themselves, so that nothing is rounded after the correction.
    const rounded = new GraphEditor(coarser(network()));
    const corrections = matchMoments(rounded, reference, measured, { deviations });
    expect(corrections.map(({ value }) => value)).toEqual(['c2']);
    expect(corrections[0]!.bias).toHaveLength(8);
    expect(corrections[0]!.greatestShift).toBeGreaterThan(0.02);
    const corrected = (await momentsOf(rounded.commit(), axes)).get('c2')!;
    const wanted = reference.get('c2')!;
    for (const [channel, mean] of corrected.mean.entries()) {
      expect(mean).toBeCloseTo(wanted.mean[channel]!, 5);
      if (deviations) {
        expect(corrected.variance[channel]).toBeCloseTo(wanted.variance[channel]!, 4);
      }
    }
  });

  it('brings a coarser model nearer to the float one, in order of the graph', async () => {
    const editor = new GraphEditor(network());
    const reference = await momentsOf(network(), biasedValues(editor));
    const rounds: string[][] = [];
    const corrections = await matchMomentsInOrder(
      editor,
      reference,
      (axes) => {
        rounds.push([...axes.keys()]);
        return momentsOf(coarser(editor.model), axes);
      },
      { rounds: 3 },
    );
    expect(rounds).toEqual([['c1', 'c2'], ['a'], ['y']]);
    expect(corrections.map(({ value }) => value)).toEqual(['c1', 'c2', 'a', 'y']);
    const before = await sqnr(network(), coarser(network()));
    const after = await sqnr(network(), coarser(editor.model));
    expect(after).toBeGreaterThan(before + 3);
    // The second convolution had no bias.
    expect(editor.producer('c2')!.input[2]).toBe('c2_bias');
  });

  it('leaves alone what was not measured', async () => {
    const editor = new GraphEditor(network());
    const none = { mean: new Float64Array(3), variance: new Float64Array(3) };
    const wrong = new Map([['c1', none]]);
    expect(matchMoments(editor, wrong, wrong)).toEqual([]);
    expect(matchMoments(editor, new Map(), wrong)).toEqual([]);
    expect(await sqnr(network(), editor.commit())).toBe(Infinity);
  });
});
