import { Tensor } from 'onlite';
import { describe, expect, it } from 'vitest';

import {
  integerValues,
  intsAttribute,
  makeFloats,
  makeInt64s,
  makeNode,
  makeTensor,
  OnnxDataType,
  type GraphProto,
  type ModelProto,
  type NodeProto,
} from '../../../../lib/formats/onnx';
import {
  allOperators,
  applyAll,
  distance,
  floats,
  graphAttribute,
  graphOf,
  modelOf,
  operators,
  run,
  tensor,
  untyped,
  waves,
  type Dim,
} from './graphs';

/** The operators that are left of nodes, which still give the same for an input `x`. */
async function simplified(
  nodes: readonly NodeProto[],
  dims: readonly Dim[],
  constants: GraphProto['initializer'] = [],
): Promise<{ operators: string[]; model: ModelProto; applied: Readonly<Record<string, number>> }> {
  const model = modelOf(nodes, [floats('x', dims)], ['y'], constants);
  const { model: simpler, applied } = await applyAll(model);
  const feeds = { x: tensor(dims.map((dim) => (typeof dim === 'number' ? dim : 2))) };
  expect(distance(await run(model, feeds), await run(simpler, feeds))).toBeLessThan(1e-6);
  return { operators: operators(simpler), model: simpler, applied };
}

const branch = (name: string, operator: string, taken: string): GraphProto =>
  graphOf({
    name,
    node: [makeNode(operator, [taken], ['result'])],
    output: [untyped('result')],
  });

function branches(condition: string, output: string): NodeProto {
  const node = makeNode('If', [condition], [output]);
  node.attribute = [
    graphAttribute('then_branch', branch('then', 'Exp', 'x')),
    graphAttribute('else_branch', branch('else', 'Neg', 'x')),
  ];
  return node;
}

/** A model whose branches are chosen by what `x` of 1 × 3 × 2 × 4 is, and their operators simplified. */
async function insideBranches(
  branches: readonly [then: GraphProto, otherwise: GraphProto],
  constants: GraphProto['initializer'] = [],
): Promise<{ operators: string[]; applied: Readonly<Record<string, number>> }> {
  const attributes = { keepdims: 0n };
  const node = makeNode('If', ['positive'], ['y']);
  node.attribute = [
    graphAttribute('then_branch', branches[0]),
    graphAttribute('else_branch', branches[1]),
  ];
  const nodes = [
    makeNode('ReduceMax', ['x'], ['most'], { attributes }),
    makeNode('Greater', ['most', 'zero'], ['positive']),
    node,
  ];
  const model = modelOf(
    nodes,
    [floats('x', [1, 3, 2, 'n'])],
    ['y'],
    [makeFloats('zero', [0], []), ...constants],
  );
  const { model: simpler, applied } = await applyAll(model);
  for (const sign of [1, -1]) {
    const values = waves(24).map((value) => sign * Math.abs(value));
    const feeds = { x: new Tensor('float32', values, [1, 3, 2, 4]) };
    expect(distance(await run(model, feeds), await run(simpler, feeds))).toBeLessThan(1e-6);
  }
  return { operators: allOperators(simpler).slice(3), applied };
}

describe('passes inside branches', () => {
  const result = [untyped('result')];

  it('know the shapes of values there and constants around', async () => {
    const node = [
      makeNode('Transpose', ['x'], ['a'], { attributes: { perm: [0n, 2n, 3n, 1n] } }),
      makeNode('Mul', ['a', 'one'], ['b']),
      makeNode('Transpose', ['b'], ['c'], { attributes: { perm: [0n, 3n, 1n, 2n] } }),
      makeNode('Shape', ['c'], ['shape']),
      makeNode('Reshape', ['c', 'shape'], ['d']),
      makeNode('Exp', ['d'], ['result']),
    ];
    const other = graphOf({ name: 'other', node: [makeNode('Neg', ['x'], ['result'])] });
    const found = await insideBranches(
      [graphOf({ name: 'then', node, output: result }), { ...other, output: result }],
      [makeFloats('one', [1], [])],
    );
    expect(found.operators).toEqual(['Exp', 'Neg']);
  });

  it('do not believe a loop that what it carries keeps its dims', async () => {
    const scalar = (name: string, elemType: number) => ({
      ...untyped(name),
      type: { tensorType: { elemType, shape: { dim: [] } } },
    });
    const body = graphOf({
      name: 'body',
      input: [
        scalar('i', OnnxDataType.INT64),
        scalar('before', OnnxDataType.BOOL),
        floats('carried', ['n']),
      ],
      node: [
        makeNode('Identity', ['before'], ['after']),
        makeNode('Exp', ['carried'], ['grown']),
        makeNode('Tile', ['grown', 'two'], ['next']),
      ],
      output: [untyped('after'), floats('next', ['n'])],
    });
    const loop = makeNode('Loop', ['times', 'true', 'x'], ['y']);
    loop.attribute = [graphAttribute('body', body)];
    const constants = [
      makeInt64s('times', [2], []),
      makeInt64s('two', [2]),
      makeTensor('true', OnnxDataType.BOOL, [], Uint8Array.of(1)),
    ];
    const model = modelOf([loop], [floats('x', [3])], ['y'], constants);
    const { model: simpler, leftOut } = await applyAll(model);
    expect(leftOut).toEqual([]);
    const feeds = { x: tensor([3]) };
    const { y } = await run(simpler, feeds);
    expect(y!.dims).toEqual([12]);
    expect(distance(await run(model, feeds), { y: y! })).toBeLessThan(1e-6);
  });

  it('fold into weights that are there, not into those of the graph around', async () => {
    const scaled = (name: string, weights: string): GraphProto =>
      graphOf({
        name,
        node: [makeNode('Conv', ['x', weights], ['a']), makeNode('Mul', ['a', 'two'], ['result'])],
        initializer: weights === 'own' ? [makeFloats('own', waves(9), [3, 3, 1, 1])] : [],
        output: result,
      });
    const found = await insideBranches(
      [scaled('then', 'own'), scaled('else', 'outer')],
      [makeFloats('outer', waves(9, 2), [3, 3, 1, 1]), makeFloats('two', [2], [])],
    );
    expect(found.operators).toEqual(['Conv', 'Conv', 'Mul']);
  });
});

describe('passes', () => {
  it('put the branch of a constant condition into the graph', async () => {
    const condition = makeTensor('c', OnnxDataType.BOOL, [], Uint8Array.of(0));
    const nodes = [branches('c', 'z'), makeNode('Relu', ['z'], ['y'])];
    expect((await simplified(nodes, ['n', 3], [condition])).operators).toEqual(['Neg', 'Relu']);
  });

  it('fold BatchNormalization, scale and shift into a transposed convolution of groups', async () => {
    const [groups, inputs, outputs] = [2, 4, 3];
    const channels = groups * outputs;
    const variance = Float32Array.from(waves(channels), (value) => 1 + value * value);
    const nodes = [
      makeNode('ConvTranspose', ['x', 'w'], ['a'], { attributes: { group: 2n } }),
      makeNode('BatchNormalization', ['a', 'g', 'b', 'm', 'v'], ['c']),
      makeNode('Mul', ['s', 'c'], ['d']),
      makeNode('Sub', ['d', 't'], ['y']),
    ];
    const constants = [
      makeFloats('w', waves(inputs * outputs * 4), [inputs, outputs, 2, 2]),
      makeFloats('g', waves(channels, 2)),
      makeFloats('b', waves(channels, 3)),
      makeFloats('m', waves(channels, 4)),
      makeFloats('v', variance),
      makeFloats('s', waves(channels, 5), [channels, 1, 1]),
      makeFloats('t', [0.5], []),
    ];
    const found = await simplified(nodes, ['n', inputs, 4, 4], constants);
    expect(found.operators).toEqual(['ConvTranspose']);
  });

  it('leave weights that two nodes share', async () => {
    const nodes = [
      makeNode('Conv', ['x', 'w'], ['a']),
      makeNode('Mul', ['a', 's'], ['b']),
      makeNode('Conv', ['b', 'w'], ['y']),
    ];
    const constants = [makeFloats('w', waves(9), [3, 3, 1, 1]), makeFloats('s', [2], [])];
    const found = await simplified(nodes, [1, 3, 2, 2], constants);
    expect(found.operators).toEqual(['Conv', 'Mul', 'Conv']);
  });

  it('have a convolution and an average pool pad', async () => {
    const nodes = [
      makeNode('Pad', ['x', 'p'], ['a']),
      makeNode('Conv', ['a', 'w'], ['b']),
      makeNode('Pad', ['b', 'p'], ['c']),
      makeNode('AveragePool', ['c'], ['y'], { attributes: { kernel_shape: [3n, 3n] } }),
    ];
    const pads = makeInt64s('p', [0, 0, 1, 2, 0, 0, 2, 1]);
    const weights = makeFloats('w', waves(2 * 3 * 9), [2, 3, 3, 3]);
    const { operators: left, model } = await simplified(nodes, ['n', 3, 6, 6], [pads, weights]);
    expect(left).toEqual(['Conv', 'AveragePool']);
    expect(intsAttribute(model.graph!.node[0]!, 'pads')).toEqual([1, 2, 2, 1]);
  });

  it('know a shape that is computed from dynamic dims', async () => {
    const nodes = [
      makeNode('Shape', ['x'], ['s']),
      makeNode('Gather', ['s', 'zero'], ['n']),
      makeNode('Gather', ['s', 'one'], ['m']),
      makeNode('Mul', ['m', 'two'], ['double']),
      makeNode('Div', ['double', 'two'], ['single']),
      makeNode('Unsqueeze', ['n', 'axis'], ['n1']),
      makeNode('Unsqueeze', ['single', 'axis'], ['m1']),
      makeNode('Concat', ['n1', 'm1', 'rest'], ['target'], { attributes: { axis: 0n } }),
      makeNode('Reshape', ['x', 'target'], ['y']),
    ];
    const constants = [
      makeInt64s('zero', [0], []),
      makeInt64s('one', [1], []),
      makeInt64s('two', [2], []),
      makeInt64s('axis', [0]),
      makeInt64s('rest', [2, 3]),
    ];
    const { operators: left, model } = await simplified(nodes, ['batch', 4, 6], constants);
    expect(left).toEqual(['Reshape']);
    const [, target] = model.graph!.node[0]!.input;
    const tensorOfTarget = model.graph!.initializer.find(({ name }) => name === target);
    expect(integerValues(tensorOfTarget!)).toEqual([0, 4, 2, 3]);
  });

  it('bring transposes together and cancel them', async () => {
    const perm = { attributes: { perm: [0n, 2n, 3n, 1n] } };
    const back = { attributes: { perm: [0n, 3n, 1n, 2n] } };
    const nodes = [
      makeNode('Transpose', ['x'], ['a'], perm),
      makeNode('Relu', ['a'], ['b']),
      makeNode('Mul', ['b', 's'], ['c']),
      makeNode('Transpose', ['c'], ['y'], back),
    ];
    const found = await simplified(nodes, ['n', 3, 4, 5], [makeFloats('s', [2], [])]);
    expect(found.operators).toEqual(['Relu', 'Mul']);
  });

  it('make one Reshape of several', async () => {
    const nodes = [
      makeNode('Unsqueeze', ['x', 'last'], ['a']),
      makeNode('Flatten', ['a'], ['b']),
      makeNode('Reshape', ['b', 'shape'], ['y']),
    ];
    const constants = [makeInt64s('last', [3]), makeInt64s('shape', [-1, 2, 6])];
    expect((await simplified(nodes, ['n', 3, 4], constants)).operators).toEqual(['Reshape']);
  });

  it('make a Gemm of matrices only', async () => {
    const nodes = [makeNode('MatMul', ['x', 'w'], ['a']), makeNode('Add', ['a', 'b'], ['y'])];
    const constants = [makeFloats('w', waves(12), [4, 3]), makeFloats('b', waves(3))];
    expect((await simplified(nodes, ['n', 4], constants)).operators).toEqual(['Gemm']);
    const wider = await simplified(nodes, ['n', 2, 4], constants);
    expect(wider.operators).toEqual(['MatMul', 'Add']);
  });

  it('compute once what is there twice, and keep one of equal constants', async () => {
    const nodes = [
      makeNode('Mul', ['x', 'one'], ['a']),
      makeNode('Mul', ['x', 'other'], ['b']),
      makeNode('Add', ['a', 'b'], ['y']),
    ];
    const constants = [makeFloats('one', waves(4)), makeFloats('other', waves(4))];
    const { operators: left, model } = await simplified(nodes, ['n', 4], constants);
    expect(left).toEqual(['Mul', 'Add']);
    expect(model.graph!.initializer).toHaveLength(1);
  });

  it('do not fold what would make the model larger, nor what is random', async () => {
    const large = modelOf(
      [
        makeNode('Expand', ['c', 'shape'], ['wide']),
        makeNode('Add', ['x', 'wide'], ['a']),
        makeNode('RandomNormal', [], ['r'], { attributes: { shape: [64n, 64n] } }),
        makeNode('Add', ['a', 'r'], ['y']),
      ],
      [floats('x', [64, 64])],
      ['y'],
      [makeFloats('c', waves(2), [2, 1, 1]), makeInt64s('shape', [2, 64, 64])],
    );
    const { model } = await applyAll(large);
    expect(operators(model)).toEqual(['Expand', 'Add', 'RandomNormal', 'Add']);
  });

  it('keep an output that is an input', async () => {
    expect((await simplified([makeNode('Identity', ['x'], ['y'])], [2])).operators).toEqual([
      'Identity',
    ]);
  });

  it('take the addition of zeros out where it does not change the shape', async () => {
    const nodes = [makeNode('Add', ['x', 'zeros'], ['a']), makeNode('Relu', ['a'], ['y'])];
    const matrix = makeFloats('zeros', new Float32Array(6), [2, 3]);
    expect((await simplified(nodes, ['n', 3], [matrix])).operators).toEqual(['Add', 'Relu']);
    const scalar = makeFloats('zeros', [0], []);
    expect((await simplified(nodes, ['n', 3], [scalar])).operators).toEqual(['Relu']);
  });
});
