import { fileURLToPath } from 'node:url';

import { env, pipeline } from '@huggingface/transformers';

const dtypes = ['fp32', 'q8', 'int8', 'q4', 'fp16'];

/** The model's embeddings in each type that `onlite quantize` makes. */
export async function main() {
  env.localModelPath = fileURLToPath(new URL('models/', import.meta.url));
  env.allowRemoteModels = false;
  const found = {};
  for (const dtype of dtypes) {
    const embed = await pipeline('feature-extraction', 'tiny-bert', { dtype });
    const { dims, data } = await embed(['the cat sat', 'the dogs']);
    found[dtype] = { dims, data };
    await embed.dispose();
  }
  return found;
}
