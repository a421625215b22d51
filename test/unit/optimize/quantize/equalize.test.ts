import { describe, expect, it } from 'vitest';

import {
  makeFloats,
  makeInt64s,
  makeNode,
  OnnxDataType,
  tensorValues,
  type ModelProto,
  type NodeProto,
  type TensorProto,
} from '../../../../lib/formats/onnx';
import { equalizeLayers } from '../../../../lib/optimize/quantize/equalize';
import { floatModel, randomTensor, sqnrAfter } from './float-model';

/** The ranges of eight channels, 144 apart. */
const uneven = [12, 0.5, 1 / 12, 3, 1, 7, 0.2, 0.1];
const opposite = [...uneven].reverse();
const same = { attributes: { kernel_shape: [3n, 3n], pads: [1n, 1n, 1n, 1n] } };
const grouped = (group: bigint) => ({ attributes: { ...same.attributes, group } });
const bias = (name: string, ranges = [1]): TensorProto =>
  randomTensor(name, [8], { seed: 3, ranges });
const dims = [2, 3, 6, 5];

const firstConv = makeNode('Conv', ['x', 'w1', 'b1'], ['c'], same);
const firstConstants = (): TensorProto[] => [
  randomTensor('w1', [8, 3, 3, 3], { ranges: uneven }),
  bias('b1', uneven),
];

/** A convolution of uneven channels, what follows it, and a pointwise one that takes `taken`. */
function between(nodes: NodeProto[], taken: string, constants: TensorProto[] = []): ModelProto {
  const last = makeNode('Conv', [taken, 'w2'], ['y']);
  const weights = randomTensor('w2', [4, 8, 1, 1], { seed: 2 });
  return floatModel(
    dims,
    [firstConv, ...nodes, last].map((node) => structuredClone(node)),
    [...firstConstants(), weights, ...constants],
  );
}

function constant(model: ModelProto, name: string): number[] {
  const tensor = model.graph!.initializer.find((initializer) => initializer.name === name);
  return [...tensorValues(tensor!, OnnxDataType.FLOAT)];
}

describe('equalizeLayers', () => {
  it('gives a depthwise network equal channels and leaves what it computes', async () => {
    const model = floatModel(
      dims,
      [
        firstConv,
        makeNode('Relu', ['c'], ['r']),
        makeNode('Conv', ['r', 'wd', 'bd'], ['d'], grouped(8n)),
        makeNode('LeakyRelu', ['d'], ['l'], { attributes: { alpha: 0.1 } }),
        makeNode('Conv', ['l', 'w2', 'b2'], ['p']),
        makeNode('GlobalAveragePool', ['p'], ['g']),
        makeNode('Flatten', ['g'], ['f']),
        makeNode('Gemm', ['f', 'w3'], ['y'], { attributes: { transB: 1n } }),
      ],
      [
        ...firstConstants(),
        randomTensor('wd', [8, 1, 3, 3], { seed: 4, ranges: opposite }),
        bias('bd', opposite),
        randomTensor('w2', [8, 8, 1, 1], { seed: 5 }),
        bias('b2'),
        randomTensor('w3', [4, 8], { seed: 6, axis: 1, ranges: uneven }),
      ],
    );
    const { sqnr, result, changed } = await sqnrAfter(model, dims, equalizeLayers);
    expect(sqnr).toBeGreaterThan(120);
    expect(result.map(({ from, to, channels }) => [from, to, channels])).toEqual([
      ['c', 'd', 8],
      ['d', 'p', 8],
      ['p', 'y', 8],
    ]);
    expect(result[0]!.spreadBefore).toBeGreaterThan(100);
    expect(result[0]!.spreadAfter).toBeLessThan(8);
    expect(result[1]!.spreadAfter).toBeLessThan(result[1]!.spreadBefore / 8);
    // Names stay, and a second time there is nothing to do.
    const names = changed.graph!.initializer.map(({ name }) => name);
    expect(names).toEqual(['w1', 'b1', 'wd', 'bd', 'w2', 'b2', 'w3']);
    const again = await sqnrAfter(changed, dims, equalizeLayers);
    expect(again.sqnr).toBeGreaterThan(120);
    expect(again.result[0]!.spreadAfter).toBeCloseTo(again.result[0]!.spreadBefore, 2);
  });

  it('makes the greatest weights of both sides of a channel the same', async () => {
    const model = floatModel(
      [1, 3],
      [
        makeNode('MatMul', ['x', 'w1'], ['h']),
        makeNode('Relu', ['h'], ['r']),
        makeNode('MatMul', ['r', 'w2'], ['y']),
      ],
      [
        makeFloats('w1', [16, 0.01, 1, -2, 0.02, 1, 1, 0, 1], [3, 3]),
        makeFloats('w2', [1, 0.5, 3, -4, 0, 0], [3, 2]),
      ],
    );
    const { sqnr, changed } = await sqnrAfter(model, [1, 3], equalizeLayers);
    expect(sqnr).toBeGreaterThan(120);
    const [first, second] = [constant(changed, 'w1'), constant(changed, 'w2')];
    expect(first[0]).toBeCloseTo(4, 2); // √(16 · 1)
    expect(second[0]).toBeCloseTo(4, 2);
    expect(first[4]).toBeCloseTo(Math.sqrt(0.02 * 4), 3);
    expect(Math.abs(second[3]!)).toBeCloseTo(Math.sqrt(0.02 * 4), 3);
    // The third channel's weights are zero in the second layer.
    expect([first[2], first[5], first[8]]).toEqual([1, 1, 1]);
  });

  it.each<[string, NodeProto[], string, TensorProto[]?]>([
    ['nothing', [], 'c'],
    [
      'pools',
      [
        makeNode('MaxPool', ['c'], ['m'], { attributes: { kernel_shape: [2n, 2n] } }),
        makeNode('AveragePool', ['m'], ['a'], { attributes: { kernel_shape: [2n, 2n] } }),
      ],
      'a',
    ],
    [
      'a mean over space',
      [makeNode('ReduceMean', ['c'], ['m'], { attributes: { axes: [2n, -1n] } })],
      'm',
    ],
    [
      'a constant for each channel',
      [makeNode('Add', ['shift', 'c'], ['a']), makeNode('Relu', ['a'], ['r'])],
      'r',
      [randomTensor('shift', [1, 8, 1, 1], { seed: 9, axis: 1, ranges: uneven })],
    ],
    [
      'a Clip without an upper bound',
      [makeNode('Clip', ['c', 'zero'], ['r'])],
      'r',
      [makeFloats('zero', [0], [])],
    ],
  ])('passes %s', async (_what, nodes, taken, constants) => {
    const { sqnr, result } = await sqnrAfter(
      between(nodes, taken, constants),
      dims,
      equalizeLayers,
    );
    expect(sqnr).toBeGreaterThan(120);
    expect(result).toHaveLength(1);
    expect(result[0]!.spreadBefore / result[0]!.spreadAfter).toBeGreaterThan(10);
  });

  it.each<[string, NodeProto[], string, TensorProto[]?]>([
    ['Sigmoid', [makeNode('Sigmoid', ['c'], ['s'])], 's'],
    [
      'a Clip to 6',
      [makeNode('Clip', ['c', 'zero', 'six'], ['r'])],
      'r',
      [makeFloats('zero', [0], []), makeFloats('six', [6], [])],
    ],
    [
      'a mean over channels',
      [
        makeNode('ReduceMean', ['c'], ['m'], { attributes: { axes: [1n, 2n] } }),
        makeNode('Expand', ['m', 'shape'], ['e']),
      ],
      'e',
      [makeInt64s('shape', [2, 8, 6, 5])],
    ],
    ['a sum with another value', [makeNode('Add', ['c', 'c'], ['a'])], 'a'],
    [
      'a constant of all elements',
      [makeNode('Add', ['c', 'shift'], ['a'])],
      'a',
      [randomTensor('shift', [8, 6, 5])],
    ],
  ])('ends at %s', async (_what, nodes, taken, constants) => {
    const { sqnr, result } = await sqnrAfter(
      between(nodes, taken, constants),
      dims,
      equalizeLayers,
    );
    expect(result).toEqual([]);
    expect(sqnr).toBe(Infinity);
  });

  it('leaves values alone that are outputs or have other uses, and weights that are shared', async () => {
    const output = between([], 'c');
    output.graph!.output.push({ name: 'c', metadataProps: [] });
    expect((await sqnrAfter(output, dims, equalizeLayers)).result).toEqual([]);
    const used = between([makeNode('Exp', ['c'], ['e'])], 'c');
    used.graph!.output.push({ name: 'e', metadataProps: [] });
    expect((await sqnrAfter(used, dims, equalizeLayers)).result).toEqual([]);
    const shared = between([makeNode('Conv', ['x', 'w1'], ['other'], same)], 'c');
    shared.graph!.output.push({ name: 'other', metadataProps: [] });
    expect((await sqnrAfter(shared, dims, equalizeLayers)).result).toEqual([]);
  });

  it('gives each layer a bias of its own where they shared one', async () => {
    const model = between([makeNode('Conv', ['c', 'w3', 'b1'], ['d'], grouped(4n))], 'd', [
      randomTensor('w3', [8, 2, 3, 3], { seed: 8, ranges: opposite }),
    ]);
    const { sqnr, result } = await sqnrAfter(model, dims, equalizeLayers);
    expect(sqnr).toBeGreaterThan(120);
    expect(result).toHaveLength(2);
  });

  it.each([
    ['Flatten', makeNode('Flatten', ['c'], ['f'])],
    ['Reshape', makeNode('Reshape', ['c', 'shape'], ['f'])],
  ])('scales all that %s makes of a channel', async (_what, flatten) => {
    const model = floatModel(
      ['n', 3, 6, 5],
      [firstConv, flatten, makeNode('MatMul', ['f', 'w2'], ['m']), makeNode('Relu', ['m'], ['y'])],
      [
        ...firstConstants(),
        randomTensor('w2', [240, 4], { seed: 2 }),
        makeInt64s('shape', [0, -1]),
      ],
    );
    const { sqnr, result } = await sqnrAfter(model, dims, equalizeLayers);
    expect(sqnr).toBeGreaterThan(120);
    expect(result).toEqual([expect.objectContaining({ from: 'c', to: 'm', channels: 8 })]);
  });

  it('makes a Relu of a Clip that calibration never saw clip', async () => {
    const clipped = (): ModelProto =>
      between([makeNode('Clip', ['c', 'zero', 'limit'], ['r'])], 'r', [
        makeFloats('zero', [0], []),
        makeFloats('limit', [1000], []),
      ]);
    const equalize = (max: number) =>
      sqnrAfter(clipped(), dims, (editor) =>
        equalizeLayers(editor, { ranges: new Map([['r', { max }]]) }),
      );
    const reached = await equalize(1000);
    expect(reached.result).toEqual([]);
    const { sqnr, result, changed } = await equalize(999);
    expect(sqnr).toBeGreaterThan(120);
    expect(result).toHaveLength(1);
    expect(changed.graph!.node.map(({ opType }) => opType)).toEqual(['Conv', 'Relu', 'Conv']);
  });
});
