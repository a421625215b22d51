import { describe, expect, it } from 'vitest';

import { makeFloats, makeNode, type ModelProto } from '../../../../lib/formats/onnx';
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

  it('bring no operator in that is newer than the version that the model imports', async () => {
    const written = await runtimeOptimized(normalisation(13), 'portable', {});
    expect(operators(written)).not.toContain('LayerNormalization');
  });
});
