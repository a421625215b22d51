// The models that are run, each with feeds: those of test/fixtures, with their data varied, and
// what the runs of models with variables give.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { lyingModels, makeLyingCases } from './lying-models.mjs';
import { packed, randomBytes, randomStrings } from './values.mjs';

const fixturePath = (file) => fileURLToPath(new URL(`../fixtures/${file}`, import.meta.url));
const readJson = (file) => JSON.parse(readFileSync(fixturePath(file), 'utf8'));

/** Inputs whose values may be anything; of other models only floats and bytes are varied. */
const anyValue = /^(identity|logical|integer)/;
const floats = new Set(['float32', 'float64', 'float16', 'bfloat16', 'int8', 'uint8']);
/** A shift by 64 or more, or a division by zero, is the processor's to define. */
const kept = new Set(['integer/b', 'integer/u', 'integer/by']);

/** Models that keep state: what a run gives, and what the state is after it. */
const stateful = {
  accumulator: {
    initial: () => [10, 20, 30],
    apply: (state, [x]) => {
      const next = state.map((value, index) => Math.fround(value + x[index]));
      return { state: next, output: next };
    },
    values: (random) => Array.from({ length: 3 }, () => random.below(16) - 8),
  },
  counter_signatures: {
    initial: () => [0],
    apply: ([state], [x], signature) => {
      const next = { add: state + (x?.[0] ?? 0), get: state, put: x?.[0] ?? 0 }[signature];
      return { state: [next], output: [next] };
    },
    values: (random) => [random.below(64) - 32],
  },
};

/** Runs that last for milliseconds, so that others come while they are in flight. */
const long = {
  'control_scan.onnx': (random) => [
    floatFeed('start', [3], random),
    floatFeed('x', [200 + random.below(3000), 3], random),
  ],
  'control_while.tflite': (random) => [
    {
      name: 'limit',
      type: 'int32',
      dims: [],
      bytes: new Uint8Array(Int32Array.of(500 + random.below(9000)).buffer),
    },
    floatFeed('x', [3], random),
  ],
};

function floatFeed(name, dims, random) {
  const bytes = 4 * dims.reduce((product, dim) => product * dim, 1);
  return { name, type: 'float32', dims, bytes: randomBytes('float32', bytes, random) };
}

/** Feeds that the runtime refuses in mid-run. */
const failing = {
  'index.onnx': ['i', 99n],
  'top_k.onnx': ['k', 99n],
};

/**
 * Models whose last bits depend on where the elements lie: vectors begin at the first aligned
 * address, and sums and functions of single elements are rounded otherwise. The others give the
 * same to the bit.
 */
const rounded = new RegExp(
  '^(reduce|softmax|matmul|mlp|conv|normalisation|recurrent|pooling|dynamic|gru|external|' +
    'float16_w|unary|activations|resize)',
);

/** Runs of several rows give the same to the bit when they are run in one. */
const batched = new Set(['metadata.onnx', 'metadata.tflite', 'mlp.onnx', 'mlp.tflite']);

let names;

/** The models of an engine: by the files of their cases, or their own. */
export function modelNames(engine) {
  names ??= readJson('index.json').fixtures.map(({ cases, engine: of }) => ({ cases, of }));
  const made = names.filter(({ of }) => of === engine).map(({ cases }) => cases);
  return engine === 'onnxruntime' ? [...made, ...lyingModels] : made;
}

/**
 * A model and the feeds of this round.
 *
 * @param cases - one of `modelNames`
 */
export function makeModel(cases, random) {
  if (cases.startsWith('ways/')) return makeLyingModel(cases, random);
  const fixture = readJson(cases);
  const file = fixture.model.replace(/^models\//, '');
  const name = file.replace(/\.\w+$/, '');
  const state = stateful[name];
  const given = fixture.cases.map(({ signature, inputs }) => ({
    signature,
    inputs: inputs.map(decodeInput),
  }));
  const made = [...given];
  for (let count = 0; count < 4; count++) {
    const from = random.pick(given);
    made.push({ ...from, inputs: from.inputs.map((input) => vary(name, input, state, random)) });
  }
  for (let count = 0; count < 2 && long[file] !== undefined; count++) {
    made.push({ signature: undefined, inputs: long[file](random) });
  }
  if (failing[file] !== undefined) made.push(spoil(given[0], failing[file]));
  return {
    name,
    file,
    path: fixturePath(fixture.model),
    engine: fixture.engine,
    cases: made,
    stateful: state,
    // Steps of a model whose state nothing here knows.
    unknownState: fixture.steps && state === undefined && name !== 'empty',
    isBatchable: batched.has(file),
    close: rounded.test(name) ? closeTo(given) : undefined,
  };
}

function makeLyingModel(path, random) {
  const file = path.replace(/^ways\//, '');
  return {
    name: file.replace(/\.\w+$/, ''),
    file,
    path: fixturePath(path),
    engine: 'onnxruntime',
    cases: makeLyingCases(file, random),
    // What is bound in place of an output must be as declared, which its result is not.
    isLying: true,
  };
}

/** As near as sums of a few hundred numbers are. */
function closeTo([{ inputs }]) {
  const isHalf = inputs.some(({ type }) => type === 'float16');
  return isHalf ? { rtol: 1e-2, atol: 1e-2 } : { rtol: 1e-5, atol: 1e-5 };
}

function decodeInput({ name, type, dims, data }) {
  if (typeof data !== 'string') return { name, type, dims, strings: data };
  return { name, type, dims, bytes: new Uint8Array(Buffer.from(data, 'base64')).slice() };
}

function vary(model, input, state, random) {
  const { name, type, bytes, strings } = input;
  if (state !== undefined) {
    return { ...input, bytes: new Uint8Array(Float32Array.from(state.values(random)).buffer) };
  }
  const isFree = anyValue.test(model) && !kept.has(`${model}/${name}`) && !packed.has(type);
  if (strings !== undefined) {
    return isFree ? { ...input, strings: randomStrings(strings.length, random) } : input;
  }
  if (!isFree && !floats.has(type)) return input;
  return { ...input, bytes: randomBytes(type, bytes.length, random) };
}

function spoil({ signature, inputs }, [name, value]) {
  return {
    signature,
    inputs: inputs.map((input) => {
      if (input.name !== name) return input;
      const values = new BigInt64Array(input.bytes.length / 8).fill(value);
      return { ...input, bytes: new Uint8Array(values.buffer) };
    }),
  };
}
