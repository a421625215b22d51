import { fileURLToPath } from 'node:url';

import { env, pipeline } from '@huggingface/transformers';

export async function main() {
  env.localModelPath = fileURLToPath(new URL('models/', import.meta.url));
  env.allowRemoteModels = false;
  const embed = await pipeline('feature-extraction', 'tiny-bert', { dtype: 'fp32' });
  const texts = ['the cat sat', 'the dogs'];
  const { dims, data } = await embed(texts, { pooling: 'mean', normalize: true });
  return { dims, data };
}
