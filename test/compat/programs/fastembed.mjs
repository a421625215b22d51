import { fileURLToPath } from 'node:url';

import { EmbeddingModel, FlagEmbedding } from 'fastembed';

export async function main() {
  const embeddingModel = await FlagEmbedding.init({
    model: EmbeddingModel.CUSTOM,
    modelAbsoluteDirPath: fileURLToPath(new URL('models/tiny-bert', import.meta.url)),
    modelName: 'onnx/model.onnx',
  });
  const embeddings = [];
  for await (const batch of embeddingModel.embed(['the cat sat', 'the dogs', 'the dog'], 2)) {
    embeddings.push(...batch);
  }
  return { embeddings, query: await embeddingModel.queryEmbed('the cat') };
}
