import { fileURLToPath } from 'node:url';

import * as ort from 'onnxruntime-node';
import Retinaface from 'retinaface';
import sharp from 'sharp';

import { portrait } from './inputs.mjs';

/** The model's. */
const size = 640;

export async function main() {
  const model = fileURLToPath(import.meta.resolve('retinaface/mnet.25_v2.onnx'));
  const retinaface = new Retinaface(await ort.InferenceSession.create(model), ort.Tensor);
  const picture = sharp(portrait()).resize(size, size);
  const data = await picture.ensureAlpha().raw().toBuffer();
  return retinaface.detect({ width: size, height: size, data });
}
