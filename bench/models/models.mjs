import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { MODEL_CACHE, ROOT } from '../harness/paths.mjs';
import { Skip } from '../harness/skip.mjs';
import { smallModels } from './small.mjs';

/** MobileNetV2 224², random weights, made by generate.py. */
export const MOBILENETS = [
  'mobilenet_v2_float32.onnx',
  'mobilenet_v2_int8.onnx',
  'mobilenet_v2_float32.tflite',
  'mobilenet_v2_int8.tflite',
];

export const WAKE_WORD = 'hey_jarvis.tflite';

/** Whether there is speech in a frame of 512 samples; its state is [2, 1, 128]. */
export const SILERO = 'silero_vad_v5.onnx';

export const engineOf = (name) => (name.endsWith('.onnx') ? 'onnxruntime' : 'tflite');

/** The path of a model; what needs no Python is written at first use. Throws a Skip if it is not here. */
export function modelPath(name) {
  if (name === WAKE_WORD || name === SILERO) {
    const path = join(ROOT, 'models', name);
    if (!existsSync(path)) throw new Skip(`models/${name} is missing: npm run setup`);
    return path;
  }
  const path = join(MODEL_CACHE, name);
  if (Object.hasOwn(smallModels, name)) {
    mkdirSync(MODEL_CACHE, { recursive: true });
    writeFileSync(path, smallModels[name]());
  } else if (!existsSync(path)) {
    throw new Skip(`${name} is missing: npm run bench -- --prepare`);
  }
  return path;
}
