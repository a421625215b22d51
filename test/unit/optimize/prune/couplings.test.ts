import { expect, it } from 'vitest';

import {
  GraphEditor,
  makeInt64s,
  makeNode,
  writeOnnxModel,
  type NodeProto,
  type TensorProto,
} from '../../../../lib/formats/onnx';
import { walkOnnx } from '../../../../lib/optimize/prune/onnx/prune-onnx';
import { pruneChannels, type RemovedChannels } from '../../../../lib/optimize/prune/prune-channels';
import { floatModel, outputsOf, randomTensor } from '../quantize/float-model';

const maps = [1, 3, 4, 4];

async function prune(
  nodes: NodeProto[],
  constants: TensorProto[],
  {
    dims = maps,
    exclude = [],
    sparsity = 0.5,
  }: { dims?: number[]; exclude?: string[]; sparsity?: number } = {},
): Promise<RemovedChannels & { editor: GraphEditor }> {
  const editor = new GraphEditor(floatModel(dims, nodes, constants));
  const options = { norm: 'l1', scope: 'layer', sparsity, multiple: 1 } as const;
  const session = { logSeverityLevel: 4 } as const;
  const walk = await walkOnnx(editor, { session });
  const removed = pruneChannels(walk, options, new Set(exclude));
  await outputsOf(writeOnnxModel(editor.commit()), dims);
  return { ...removed, editor };
}

const conv = (input: string, weights: string, output: string): NodeProto =>
  makeNode('Conv', [input, weights], [output], { name: output });
const weightsOf = (name: string, ...sizes: number[]): TensorProto =>
  randomTensor(name, sizes, { seed: name.length + sizes[0]! });
const sizesOf = ({ editor }: { editor: GraphEditor }, ...names: string[]) =>
  names.map((name) => editor.constant(name)!.dims);

it('halves free channels, keeps those of outputs, and counts multiplications', async () => {
  const found = await prune(
    [conv('x', 'w1', 'a'), makeNode('Relu', ['a'], ['r']), conv('r', 'w2', 'y')],
    [weightsOf('w1', 8, 3, 1, 1), weightsOf('w2', 5, 8, 1, 1)],
  );
  expect(sizesOf(found, 'w1', 'w2')).toEqual([
    [4, 3, 1, 1],
    [5, 4, 1, 1],
  ]);
  expect(found.products).toEqual([16 * (24 + 40), 16 * (12 + 20)]);
  expect(found.channels).toContainEqual({ layers: ['a', 'y'], before: 8, after: 4 });
  const output = found.channels.find(({ before }) => before === 5);
  expect(output).toEqual({
    layers: ['y'],
    before: 5,
    after: 5,
    reason: "'y' is an output of the model",
  });
  expect(found.kept.get('a')).toEqual(found.kept.get('r'));
});

it('leaves channels whole that an unknown operator takes, and says which', async () => {
  const found = await prune(
    [
      conv('x', 'w1', 'a'),
      makeNode('LRN', ['a'], ['n'], { name: 'norm', attributes: { size: 3n } }),
      conv('n', 'w2', 'y'),
    ],
    [weightsOf('w1', 8, 3, 1, 1), weightsOf('w2', 5, 8, 1, 1)],
  );
  expect(sizesOf(found, 'w1')).toEqual([[8, 3, 1, 1]]);
  expect(found.channels.find(({ layers }) => layers.includes('a') && layers.length === 1)).toEqual({
    layers: ['a'],
    before: 8,
    after: 8,
    reason: "LRN 'norm': what it does with channels is not known",
  });
});

it('leaves what an excluded node makes and takes', async () => {
  const found = await prune(
    [conv('x', 'w1', 'a'), conv('a', 'w2', 'b'), conv('b', 'w3', 'y')],
    [weightsOf('w1', 8, 3, 1, 1), weightsOf('w2', 6, 8, 1, 1), weightsOf('w3', 5, 6, 1, 1)],
    { exclude: ['a'] },
  );
  expect(sizesOf(found, 'w1', 'w2', 'w3')).toEqual([
    [8, 3, 1, 1],
    [3, 8, 1, 1],
    [5, 3, 1, 1],
  ]);
});

it('removes whole groups of a convolution', async () => {
  const grouped = makeNode('Conv', ['a', 'w2'], ['b'], { attributes: { group: 4n } });
  const found = await prune(
    [conv('x', 'w1', 'a'), grouped, conv('b', 'w3', 'y')],
    [weightsOf('w1', 8, 3, 1, 1), weightsOf('w2', 12, 2, 1, 1), weightsOf('w3', 5, 12, 1, 1)],
  );
  expect(sizesOf(found, 'w1', 'w2', 'w3')).toEqual([
    [4, 3, 1, 1],
    [6, 2, 1, 1],
    [5, 6, 1, 1],
  ]);
});

it('leaves one channel at least', async () => {
  const found = await prune(
    [conv('x', 'w1', 'a'), conv('a', 'w2', 'y')],
    [weightsOf('w1', 8, 3, 1, 1), weightsOf('w2', 5, 8, 1, 1)],
    { sparsity: 0.99 },
  );
  expect(sizesOf(found, 'w1')).toEqual([[1, 3, 1, 1]]);
});

it('leaves constants whole that are also used where there are no channels', async () => {
  const found = await prune(
    [
      makeNode('Sigmoid', ['s'], ['t']),
      makeNode('ReduceSum', ['t'], ['sum'], { attributes: { keepdims: 0n } }),
      conv('x', 'w1', 'a'),
      makeNode('Mul', ['a', 's'], ['b']),
      conv('b', 'w2', 'c'),
      makeNode('Add', ['c', 'sum'], ['y']),
    ],
    [weightsOf('s', 8, 1, 1), weightsOf('w1', 8, 3, 1, 1), weightsOf('w2', 5, 8, 1, 1)],
  );
  expect(sizesOf(found, 's', 'w1', 'w2')).toEqual([
    [8, 1, 1],
    [8, 3, 1, 1],
    [5, 8, 1, 1],
  ]);
  const group = found.channels.find(({ layers }) => layers.includes('a'));
  expect(group?.reason).toBe("'s' is used by Sigmoid, which takes no channels");
});

it.each([
  ['another dimension', [2, 8, 6], [-1, 0], 4],
  ['the channels, to another place', [8, 6], [1, 0, -1], 8],
])('understands a Reshape that copies the size of %s', async (_, dims, shape, left) => {
  const found = await prune(
    [
      makeNode('MatMul', ['x', 'w1'], ['a']),
      makeNode('Reshape', ['a', 'shape'], ['r']),
      makeNode('MatMul', ['r', 'w2'], ['y']),
    ],
    [weightsOf('w1', 6, 8), weightsOf('w2', 8, 3), makeInt64s('shape', shape)],
    { dims },
  );
  expect(sizesOf(found, 'w1')).toEqual([[6, left]]);
});
