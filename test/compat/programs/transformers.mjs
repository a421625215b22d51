import { fileURLToPath } from 'node:url';

import { env, pipeline } from '@huggingface/transformers';

import { writeTinyBert } from './tiny-bert.mjs';

export async function main() {
  const models = fileURLToPath(new URL('models/', import.meta.url));
  writeTinyBert(`${models}tiny-bert`);
  env.localModelPath = models;
  env.allowRemoteModels = false;
  const embed = await pipeline('feature-extraction', 'tiny-bert', { dtype: 'fp32' });
  const texts = ['the cat sat', 'the dogs'];
  const { dims, data } = await embed(texts, { pooling: 'mean', normalize: true });
  return { dims, data };
}
