import { describe, expect, it } from 'vitest';

import {
  makeFloats,
  makeNode,
  OnnxDataType,
  tensorValues,
  type ModelProto,
} from '../../../../lib/formats/onnx';
import { runtimeOptimized } from '../../../../lib/optimize/simplify/runtime-level';
import { floats, modelOf, operators, waves } from './graphs';

/** A layer normalisation as exporters of older operators write it. */
function normalisation(opset: number): ModelProto {
  const axes = { attributes: { axes: [-1n] } };
  const nodes = [
    makeNode('ReduceMean', ['x'], ['mean'], axes),
    makeNode('Sub', ['x', 'mean'], ['centred']),
    makeNode('Pow', ['centred', 'two'], ['squares']),
    makeNode('ReduceMean', ['squares'], ['variance'], axes),
    makeNode('Add', ['variance', 'epsilon'], ['positive']),
    makeNode('Sqrt', ['positive'], ['deviation']),
    makeNode('Div', ['centred', 'deviation'], ['normal']),
    makeNode('Mul', ['normal', 'gamma'], ['scaled']),
    makeNode('Add', ['scaled', 'beta'], ['y']),
  ];
  const constants = [
    makeFloats('two', [2], []),
    makeFloats('epsilon', [1e-5], []),
    makeFloats('gamma', waves(8)),
    makeFloats('beta', waves(8, 2)),
  ];
  return modelOf(nodes, [floats('x', ['n', 8])], ['y'], constants, opset);
}

describe("ONNX Runtime's optimisations", () => {
  it('keep the version of the operators, and what the model says of itself', async () => {
    const model = { ...normalisation(17), producerName: 'exporter' };
    const written = await runtimeOptimized(model, 'portable', {});
    expect(operators(written)).toEqual(['LayerNormalization']);
    expect([written.opsetImport, written.producerName]).toEqual([model.opsetImport, 'exporter']);
  });

  it('leave large weights where they are, and give back those that they change', async () => {
    const rows = 2 ** 22;
    const large = new Float32Array(rows * 4).fill(0.5);
    const nodes = [
      makeNode('Identity', ['x'], ['same']),
      makeNode('MatMul', ['same', 'large'], ['product']),
      makeNode('Neg', ['other'], ['negated']),
      makeNode('Add', ['product', 'negated'], ['y']),
    ];
    const constants = [
      makeFloats('large', large, [4, rows]),
      makeFloats('other', [1, 2, 3, 4, 5], [5, 1]),
    ];
    const written = await runtimeOptimized(
      modelOf(nodes, [floats('x', [5, 4])], ['y'], constants),
      'portable',
      {},
    );
    expect(operators(written)).toEqual(['Gemm']);
    const [one, other] = written.graph!.initializer.sort((a, b) => b.dims[1]! - a.dims[1]!);
    expect(one!.rawData).toBe(constants[0]!.rawData);
    expect(tensorValues(other!, OnnxDataType.FLOAT)).toEqual(Float32Array.of(-1, -2, -3, -4, -5));
  });

  it('bring no operator in that is newer than the version that the model imports', async () => {
    const written = await runtimeOptimized(normalisation(13), 'portable', {});
    expect(operators(written)).not.toContain('LayerNormalization');
  });
});
