import { Blob } from 'node:buffer';

import { removeBackground } from '@imgly/background-removal-node';
import sharp from 'sharp';

import { portrait } from './inputs.mjs';

export async function main() {
  const image = new Blob([await sharp(portrait()).png().toBuffer()], { type: 'image/png' });
  const output = { format: 'image/x-rgba8' };
  const pixels = await removeBackground(image, { model: 'small', output });
  return new Uint8Array(await pixels.arrayBuffer());
}
