import { describe, expect, it } from 'vitest';

import {
  GraphEditor,
  makeFloats,
  makeNode,
  type ModelProto,
  type NodeProto,
} from '../../../../lib/formats/onnx';
import { planStatic } from '../../../../lib/optimize/quantize/static-plan';
import { writeQdq } from '../../../../lib/optimize/quantize/qdq';

const CHANNELS = 4;

function model(nodes: NodeProto[], outputs = ['y'], opset = 13): ModelProto {
  const values = (names: string[]) => names.map((name) => ({ name, metadataProps: [] }));
  const weight = new Float32Array(CHANNELS * CHANNELS).map((_, index) => Math.sin(index + 1));
  return {
    irVersion: 8,
    opsetImport: [{ domain: '', version: opset }],
    metadataProps: [],
    functions: [],
    graph: {
      node: nodes,
      input: values(['x']),
      output: values(outputs),
      initializer: [
        makeFloats('w', weight, [CHANNELS, CHANNELS, 1, 1]),
        makeFloats('b', [1, 2, 3, 4]),
        makeFloats('m', weight, [CHANNELS, CHANNELS]),
        makeFloats('zero', [0], []),
        makeFloats('six', [6], []),
      ],
      valueInfo: [],
      quantizationAnnotation: [],
      sparseInitializer: [],
      metadataProps: [],
    },
  };
}

const conv = (input: string, output: string): NodeProto =>
  makeNode('Conv', [input, 'w', 'b'], [output], { name: output });

function planOf(nodes: NodeProto[], exclude: string[] = []) {
  const editor = new GraphEditor(model(nodes));
  return planStatic(editor, { as: 'int8', exclude: new Set(exclude) });
}

/** What each operator of the written graph takes, by type, from what types. */
function written(nodes: NodeProto[], outputs = ['y'], opset = 13): Map<string, string[]> {
  const edited = model(nodes, outputs, opset);
  const editor = new GraphEditor(edited);
  const plan = planStatic(editor, { as: 'int8' });
  const range = { min: -1, max: 1 };
  const ranges = new Map([...plan.tensors].map((name) => [name, range]));
  writeQdq(editor, plan, { ranges, target: 'x64' });
  editor.removeUnused();
  editor.commit();
  return new Map(
    edited.graph!.node.map((node) => [
      `${node.opType!}:${node.output[0]!}`,
      node.input.map((name) => editor.producer(name)?.opType ?? name),
    ]),
  );
}

describe('planStatic', () => {
  it('takes layers, and what lies between them', () => {
    const { tensors, decisions } = planOf([
      conv('x', 'a'),
      makeNode('Relu', ['a'], ['r']),
      makeNode('MaxPool', ['r'], ['p']),
      conv('p', 'c'),
      makeNode('Add', ['c', 'p'], ['s']),
      conv('s', 'd'),
      makeNode('Tanh', ['d'], ['y']),
    ]);
    // Between the convolution and its Relu nothing is quantised.
    expect([...tensors].sort()).toEqual(['c', 'd', 'p', 'r', 's', 'x']);
    expect(decisions.filter(({ as }) => as).map(({ node }) => node)).toEqual([
      'a',
      'c',
      'd',
      'p',
      's',
    ]);
    expect(decisions.find(({ operator }) => operator === 'Tanh')?.reason).toBe(
      'ONNX Runtime has no integer kernel for it',
    );
  });

  it('leaves what lies at the ends float', () => {
    const { tensors, decisions } = planOf([
      makeNode('Sigmoid', ['x'], ['g']),
      conv('g', 'a'),
      makeNode('GlobalAveragePool', ['a'], ['y']),
    ]);
    expect([...tensors].sort()).toEqual(['a', 'g']);
    const reasons = decisions.filter(({ as }) => !as).map(({ operator }) => operator);
    expect(reasons).toEqual(['Sigmoid', 'GlobalAveragePool']);
  });

  it('says why a layer stays float', () => {
    const transposed = makeNode('Gemm', ['x', 'm'], ['g'], { attributes: { transA: 1n } });
    const { layers, decisions } = planOf(
      [transposed, makeNode('MatMul', ['g', 'x'], ['p']), conv('p', 'c'), conv('c', 'y')],
      ['c'],
    );
    expect([...layers.keys()].map(({ name }) => name)).toEqual(['y']);
    expect(decisions.filter(({ as }) => !as).map(({ reason }) => reason)).toEqual([
      'its first input is transposed',
      'both inputs are activations',
      'it was to stay float',
    ]);
  });

  it('has one set of parameters on both ends of what moves integers', () => {
    const { same, rearranged } = planOf([
      conv('x', 'a'),
      makeNode('MaxPool', ['a'], ['p']),
      makeNode('Transpose', ['p'], ['t']),
      conv('t', 'y'),
    ]);
    expect([...same]).toEqual([
      ['p', 'a'],
      ['t', 'p'],
    ]);
    // A pool leaves values out, and has a range of its own.
    expect([...rearranged]).toEqual(['t']);
  });
});

describe('writeQdq', () => {
  it('gives every input of a layer a DequantizeLinear', () => {
    const nodes = written([
      conv('x', 'a'),
      makeNode('Clip', ['a', 'zero', 'six'], ['r']),
      conv('r', 'y'),
    ]);
    const dequantized = ['DequantizeLinear', 'DequantizeLinear', 'DequantizeLinear'];
    expect(nodes.get('Conv:a')).toEqual(dequantized);
    expect(nodes.get('Clip:r')).toEqual(['Conv', 'zero', 'six']);
    expect(nodes.get('Conv:y_float')).toEqual(dequantized);
    // The graph's output keeps its name.
    expect(nodes.get('DequantizeLinear:y')?.[0]).toBe('QuantizeLinear');
  });

  it('gives other operators the float value, where there is one', () => {
    const nodes = written(
      [
        makeNode('MatMul', ['x', 'm'], ['a'], { name: 'a' }),
        makeNode('MatMul', ['a', 'm'], ['c'], { name: 'c' }),
        makeNode('Tanh', ['a'], ['t']),
        makeNode('Add', ['c', 't'], ['y']),
      ],
      ['y'],
    );
    expect(nodes.get('MatMul:c')).toEqual(['DequantizeLinear', 'DequantizeLinear']);
    expect(nodes.get('Tanh:t')).toEqual(['MatMul']);
    expect(nodes.get('Add:y')).toEqual(['MatMul', 'Tanh']);
  });
});
