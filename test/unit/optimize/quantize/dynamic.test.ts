import { describe, expect, it } from 'vitest';

import { GraphEditor, makeNode } from '../../../../lib/formats/onnx';
import { quantizeDynamic } from '../../../../lib/optimize/quantize/dynamic';
import { planStatic } from '../../../../lib/optimize/quantize/static-plan';
import { floatModel, randomTensor } from './float-model';

/** Layers that ONNX Runtime has no integer kernel for, one whose kernel is slow, and one to quantise. */
const editor = () =>
  new GraphEditor(
    floatModel(
      [1, 1, 3],
      [
        makeNode('GRU', ['x', 'w', 'r'], ['g'], { attributes: { hidden_size: 3n } }),
        makeNode('ConvTranspose', ['g', 'k'], ['t']),
        makeNode('Conv', ['t', 'k'], ['c']),
        makeNode('MatMul', ['c', 'm'], ['y']),
      ],
      [
        randomTensor('w', [1, 9, 3]),
        randomTensor('r', [1, 9, 3]),
        randomTensor('k', [1, 1, 1]),
        randomTensor('m', [3, 2]),
      ],
    ),
  );

const none = 'ONNX Runtime has no integer kernel for it';

describe('quantizeDynamic', () => {
  it('says of each layer why it stays float', () => {
    const decisions = quantizeDynamic(editor(), { target: 'x64' });
    expect(decisions.map(({ operator, reason }) => [operator, reason])).toEqual([
      ['GRU', none],
      ['ConvTranspose', none],
      ['Conv', 'integers made at run time make it slower'],
      ['MatMul', undefined],
    ]);
  });

  it('is not alone in it: static quantisation says the same', () => {
    const { decisions } = planStatic(editor(), { as: 'int8' });
    const reasons = decisions
      .filter(({ as }) => !as)
      .map(({ operator, reason }) => [operator, reason]);
    expect(reasons).toEqual([
      ['GRU', none],
      ['ConvTranspose', none],
    ]);
  });
});
