// That model, quantised into the layout that transformers.js has.
//   node tiny-bert-quantized.mjs FOLDER
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

await import('./tiny-bert.mjs');

const folder = join(process.argv[2], 'tiny-bert');
const samples = [
  [2, 5, 6, 8, 3],
  [2, 5, 7, 9, 3],
].map((ids) => {
  const [mask, types] = [1, 0].map((value) => [ids.map(() => value)]);
  return JSON.stringify({ input_ids: [ids], attention_mask: mask, token_type_ids: types });
});
const data = join(process.argv[2], 'samples.jsonl');
writeFileSync(data, samples.join('\n'));

// Nothing is gained with a model as small as this.
const limits = ['--min-speedup', '0', '--min-sqnr', '20', '--no-speed'];
const manifest = createRequire(import.meta.url).resolve('onlite/package.json');
const command = join(manifest, '../dist/cli/main.js');
for (const dtype of ['q8', 'int8', 'q4', 'fp16']) {
  const args = ['quantize', join(folder, 'onnx/model.onnx'), folder, '--dtype', dtype];
  execFileSync(process.execPath, [command, ...args, '--data', data, ...limits], {
    stdio: 'ignore',
  });
}
