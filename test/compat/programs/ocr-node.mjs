import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import Ocr from '@gutenye/ocr-node';
import sharp from 'sharp';

import { wordPicture } from './inputs.mjs';

export async function main() {
  const file = fileURLToPath(new URL('word.png', import.meta.url));
  writeFileSync(file, await sharp(wordPicture()).png().toBuffer());
  const ocr = await Ocr.create();
  return ocr.detect(file);
}
