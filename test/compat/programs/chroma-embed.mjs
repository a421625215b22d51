import { fileURLToPath } from 'node:url';

import { DefaultEmbeddingFunction } from '@chroma-core/default-embed';
import { env } from '@huggingface/transformers';

export async function main() {
  env.localModelPath = fileURLToPath(new URL('models/', import.meta.url));
  env.allowRemoteModels = false;
  const embedder = new DefaultEmbeddingFunction({ modelName: 'tiny-bert' });
  return embedder.generate(['the cat sat', 'the dogs']);
}
