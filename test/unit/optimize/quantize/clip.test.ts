import { InferenceSession, Tensor } from 'onlite';
import { describe, expect, it } from 'vitest';

import { GraphEditor, makeFloats, makeNode, writeOnnxModel } from '../../../../lib/formats/onnx';
import { Calibrator } from '../../../../lib/optimize/calibrate/calibrator';
import { difference } from '../../../../lib/optimize/measures/difference';
import { writeQdq } from '../../../../lib/optimize/quantize/qdq';
import { planStatic } from '../../../../lib/optimize/quantize/static-plan';
import { floatModel, randomFloats, randomTensor } from './float-model';

const DIMS = [1, 4, 8, 8];
const FEEDS = { x: new Tensor('float32', randomFloats(256, 3), DIMS) };

async function run(model: Uint8Array): Promise<Float32Array> {
  const session = await InferenceSession.create(model, { logSeverityLevel: 4 });
  const { y } = await session.run(FEEDS);
  await session.release();
  return y!.data as Float32Array;
}

/** A Clip between convolutions, quantised: the operators, and how near the results are in dB. */
async function quantised(lower: number, upper: number): Promise<{ types: string[]; sqnr: number }> {
  const model = floatModel(
    DIMS,
    [
      makeNode('Conv', ['x', 'v'], ['a'], { name: 'first' }),
      makeNode('Clip', ['a', 'lower', 'upper'], ['c']),
      makeNode('Conv', ['c', 'w'], ['y'], { name: 'second' }),
    ],
    [
      randomTensor('v', [8, 4, 1, 1], { seed: 1, ranges: [4] }),
      randomTensor('w', [4, 8, 1, 1], { seed: 2 }),
      makeFloats('lower', [lower], []),
      makeFloats('upper', [upper], []),
    ],
  );
  const float = writeOnnxModel(model);
  const editor = new GraphEditor(model);
  const plan = planStatic(editor, { as: '' });
  const calibrator = await Calibrator.create(float, [...plan.tensors]);
  await calibrator.collect([{ feeds: FEEDS }]);
  writeQdq(editor, plan, { ranges: calibrator.ranges(), target: 'any' });
  await calibrator.release();
  editor.removeUnused();
  const written = editor.commit();
  const { sqnr } = difference(await run(float), await run(writeOnnxModel(written)));
  return { types: written.graph!.node.map(({ opType }) => opType!), sqnr };
}

describe('a Clip between layers', () => {
  // ONNX Runtime refuses the second where the Clip is left in: its ends are no integers' of the range.
  it.each([
    [0, 6],
    [-0.0251, 3.0256],
  ])('from %f to %f is gone, for integers end where it does', async (lower, upper) => {
    const { types, sqnr } = await quantised(lower, upper);
    expect(types).not.toContain('Clip');
    expect(sqnr).toBeGreaterThan(30);
  });

  it('stays where it cuts 0 off, which integers hold', async () => {
    const { types, sqnr } = await quantised(0.5, 3);
    expect(types).toContain('Clip');
    expect(sqnr).toBeGreaterThan(30);
  });
});
