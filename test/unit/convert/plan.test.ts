import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { planConversion } from '../../../lib/convert/plan';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'onlite-plan-'));
  for (const name of ['a.keras', 'b.skops', 'c.pt2', 'd.bin', 'e.onnx']) {
    writeFileSync(join(folder, name), 'something');
  }
  writeFileSync(join(folder, 'g'), Buffer.from('\x1c\0\0\0TFL3'));
  mkdirSync(join(folder, 'saved'));
  writeFileSync(join(folder, 'saved', 'saved_model.pb'), '');
  mkdirSync(join(folder, 'empty'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

it.each([
  ['a.keras', undefined, 'keras', 'a.tflite', 'tensorflow'],
  ['a.keras', 'x.onnx', 'keras', 'x.onnx', 'tensorflow'],
  ['b.skops', undefined, 'sklearn', 'b.onnx', 'sklearn'],
  ['c.pt2', undefined, 'torch-export', 'c.onnx', 'torch'],
  ['saved', undefined, 'saved-model', 'saved.tflite', 'tensorflow'],
  ['e.onnx', undefined, 'onnx', 'e.tflite', 'onnx2tf'],
  // By its first bytes, whatever it is called.
  ['g', undefined, 'tflite', 'g.onnx', 'tensorflow'],
])('%s to %s is converted', async (source, target, kind, written, environment) => {
  const plan = await planConversion(join(folder, source), target);
  expect(plan).toMatchObject({ kind, target: written, environment });
});

it.each([
  ['d.bin', undefined, 'ERR_UNSUPPORTED', /expected a SavedModel's folder, or a file of \.keras/],
  ['empty', undefined, 'ERR_MODEL_INVALID', /no saved_model\.pb/],
  ['saved/saved_model.pb', undefined, 'ERR_MODEL_INVALID', /expected the SavedModel's folder/],
  ['none', undefined, 'ERR_MODEL_NOT_FOUND', /cannot read/],
  ['b.skops', 'x.tflite', 'ERR_UNSUPPORTED', /no converter from a model of scikit-learn to Tensor/],
  ['e.onnx', 'x.onnx', 'ERR_UNSUPPORTED', /no converter from an ONNX model to ONNX/],
  ['a.keras', 'x.zip', 'ERR_INVALID_ARGUMENT', /ends with \.onnx or \.tflite, got 'x\.zip'/],
])('%s to %s is refused', async (source, target, code, message) => {
  const refusal = planConversion(join(folder, source), target);
  await expect(refusal).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
});
