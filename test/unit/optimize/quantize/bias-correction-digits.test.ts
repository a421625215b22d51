import { readFileSync } from 'node:fs';
import path from 'node:path';

import { InferenceSession, Tensor } from 'onlite';
import { Calibrator, difference, type Sample } from 'onlite/optimize';
import { expect, it } from 'vitest';

import { readNpz } from '../../../../lib/formats/npy';
import {
  GraphEditor,
  readOnnxModel,
  writeOnnxModel,
  type ModelProto,
} from '../../../../lib/formats/onnx';
import {
  biasedValues,
  matchMomentsInOrder,
} from '../../../../lib/optimize/quantize/bias-correction';
import type { Range } from '../../../../lib/optimize/quantize/parameters';
import { writeQdq } from '../../../../lib/optimize/quantize/qdq';
import { planStatic } from '../../../../lib/optimize/quantize/static-plan';

const digits = path.join(import.meta.dirname, '../../../fixtures/digits');
/** Exact on every processor. */
const session = { logSeverityLevel: 4, extra: { session: { x64quantprecision: '1' } } } as const;

function samplesOf(file: string, count: number): Sample[] {
  const { data, dims: sizes } = readNpz(readFileSync(path.join(digits, file))).get('image')!;
  const dims = [1, ...sizes.slice(1)];
  const size = dims.reduce((product, dim) => product * dim, 1);
  const values = Float32Array.from(data as Float32Array);
  return Array.from({ length: count }, (_, index) => {
    const own = values.slice(index * size, (index + 1) * size);
    return { feeds: { image: new Tensor('float32', own, dims) } };
  });
}

async function outputsOf(model: Uint8Array, samples: Sample[]): Promise<number[]> {
  const loaded = await InferenceSession.create(model, session);
  const scores: number[] = [];
  for (const { feeds } of samples) {
    const results = await loaded.run(feeds);
    scores.push(...(results[loaded.outputNames[0]!]!.data as Float32Array));
  }
  await loaded.release();
  return scores;
}

function quantized(model: ModelProto, ranges: ReadonlyMap<string, Range>): Uint8Array {
  const editor = new GraphEditor(readOnnxModel(writeOnnxModel(model)));
  writeQdq(editor, planStatic(editor, { as: 'int8' }), { ranges, target: 'x64' });
  editor.removeUnused();
  return writeOnnxModel(editor.commit());
}

it('brings a trained network in int8 nearer to its float one, on other samples', async () => {
  const calibration = samplesOf('calibration.npz', 40);
  const heldOut = samplesOf('heldout.npz', 100);
  const float = readFileSync(path.join(digits, 'mlp.onnx'));
  const editor = new GraphEditor(readOnnxModel(float));
  const { tensors } = planStatic(editor, { as: 'int8' });
  const moments = biasedValues(editor);
  await using calibrator = await Calibrator.create(float, [...tensors], { session, moments });
  await calibrator.collect(calibration);
  const ranges = calibrator.ranges({ method: 'minmax' });
  const expected = await outputsOf(float, heldOut);
  const sqnr = async (): Promise<number> =>
    difference(expected, await outputsOf(quantized(editor.model, ranges), heldOut)).sqnr;
  const before = await sqnr();
  await matchMomentsInOrder(editor, calibrator.moments, async (axes) => {
    const options = { session, histograms: false, moments: axes };
    await using measured = await Calibrator.create(quantized(editor.model, ranges), [], options);
    await measured.collect(calibration);
    return measured.moments;
  });
  expect(await sqnr()).toBeGreaterThan(before + 1);
});
