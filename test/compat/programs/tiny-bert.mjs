// A model as the hub has them, too small to be of use: embeddings and one layer of attention.
//   node tiny-bert.mjs FOLDER
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import onnxProto from 'onnx-proto';

const words = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'the', 'cat', 'dog', 'sat', '##s'];
const hidden = 32;
const { onnx } = onnxProto;
const { FLOAT, INT64 } = onnx.TensorProto.DataType;

const node = (opType, input, output, attribute = []) => ({
  opType,
  input,
  output: [output],
  attribute,
});
const value = (name, elemType, dims) => {
  const dim = dims.map((size) =>
    typeof size === 'number' ? { dimValue: size } : { dimParam: size },
  );
  return { name, type: { tensorType: { elemType, shape: { dim } } } };
};

/** The same numbers on each machine, between -1 and 1. */
const weights = (name, dims, seed) => ({
  name,
  dataType: FLOAT,
  dims,
  floatData: Array.from({ length: dims[0] * dims[1] }, (_, i) => Math.sin(seed + i * 1.7)),
});

function model() {
  const { INTS, INT } = onnx.AttributeProto.AttributeType;
  const swapped = { name: 'perm', type: INTS, ints: [0, 2, 1] };
  const last = { name: 'axis', type: INT, i: -1 };
  const graph = {
    name: 'tiny-bert',
    node: [
      node('Gather', ['words', 'input_ids'], 'x'),
      node('MatMul', ['x', 'query'], 'q'),
      node('MatMul', ['x', 'key'], 'k'),
      node('Transpose', ['k'], 'kt', [swapped]),
      node('MatMul', ['q', 'kt'], 'scores'),
      node('Softmax', ['scores'], 'attention', [last]),
      node('MatMul', ['attention', 'x'], 'mixed'),
      node('Add', ['mixed', 'x'], 'last_hidden_state'),
    ],
    input: ['input_ids', 'attention_mask', 'token_type_ids'].map((name) =>
      value(name, INT64, ['batch', 'sequence']),
    ),
    output: [value('last_hidden_state', FLOAT, ['batch', 'sequence', hidden])],
    initializer: [
      weights('words', [words.length, hidden], 1),
      weights('query', [hidden, hidden], 2),
      weights('key', [hidden, hidden], 3),
    ],
  };
  return onnx.ModelProto.encode({
    irVersion: 8,
    opsetImport: [{ domain: '', version: 17 }],
    graph,
  });
}

const special = (content, id) => ({
  id,
  content,
  special: true,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
});
const tokenizer = {
  version: '1.0',
  added_tokens: words.slice(0, 5).map(special),
  normalizer: {
    type: 'BertNormalizer',
    lowercase: true,
    handle_chinese_chars: true,
    clean_text: true,
    strip_accents: null,
  },
  pre_tokenizer: { type: 'BertPreTokenizer' },
  post_processor: {
    type: 'TemplateProcessing',
    single: ['[CLS]', 'A', '[SEP]'].map((id) =>
      id === 'A' ? { Sequence: { id, type_id: 0 } } : { SpecialToken: { id, type_id: 0 } },
    ),
    pair: [],
    special_tokens: {
      '[CLS]': { id: '[CLS]', ids: [2], tokens: ['[CLS]'] },
      '[SEP]': { id: '[SEP]', ids: [3], tokens: ['[SEP]'] },
    },
  },
  decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
  model: {
    type: 'WordPiece',
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 100,
    vocab: Object.fromEntries(words.map((word, id) => [word, id])),
  },
};
const tokenizerConfig = {
  tokenizer_class: 'BertTokenizer',
  model_max_length: 64,
  pad_token: '[PAD]',
  unk_token: '[UNK]',
  cls_token: '[CLS]',
  sep_token: '[SEP]',
  mask_token: '[MASK]',
};

const documents = {
  config: {
    model_type: 'bert',
    architectures: ['BertModel'],
    hidden_size: hidden,
    pad_token_id: 0,
  },
  tokenizer,
  tokenizer_config: tokenizerConfig,
  special_tokens_map: { pad_token: '[PAD]', unk_token: '[UNK]', cls_token: '[CLS]' },
};
const folder = join(process.argv[2], 'tiny-bert');
mkdirSync(join(folder, 'onnx'), { recursive: true });
for (const [name, document] of Object.entries(documents)) {
  writeFileSync(join(folder, `${name}.json`), JSON.stringify(document));
}
writeFileSync(join(folder, 'onnx/model.onnx'), model().finish());
