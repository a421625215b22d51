// Python's Interpreter and onlite/tflite's on the same models and inputs: the same details, the same
// values. usage: interpreter.mjs [--python PYTHON] [MODEL…]
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { Interpreter } from 'onlite/tflite';

import { arrayOf } from '../fuzz/values.mjs';
import { managedPython, runOrThrow } from './python.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = join(here, '../..');

/** With TensorFlow: 1.5 GB. */
const python = () =>
  managedPython('differential-venv', join(root, 'test/fixtures/generate/requirements.txt'));

/** An int8 MobileNetV2, which is made if there is none. */
function mobilenet(python) {
  const path = join(root, 'build/differential/mobilenet_v2_int8.tflite');
  if (!existsSync(path)) {
    mkdirSync(dirname(path), { recursive: true });
    runOrThrow(python, [join(here, 'mobilenet.py'), path]);
  }
  return path;
}

/**
 * MobileNetV2, the wake words, and some fixtures. The spectrogram is not among them: neither
 * interpreter allocates it as it is.
 */
function defaultModels(python) {
  const wanted =
    /^(alexa|hey_jarvis|embedding_model|okay_nabu|(conv|mlp|signatures|per_channel_input).*)\.tflite$/;
  const rest = ['models', 'models/microwakeword', 'test/fixtures/models']
    .map((folder) => join(root, folder))
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .filter((path) => wanted.test(basename(path)));
  return [mobilenet(python), ...rest];
}

function decode(base64, dtype) {
  const bytes = Uint8Array.from(Buffer.from(base64, 'base64'));
  return new (arrayOf(dtype))(bytes.buffer);
}

/** Throws if two values that JSON can show differ. */
function requireEqual(what, got, expected) {
  if (JSON.stringify(got) === JSON.stringify(expected)) return;
  throw new Error(`${what}: got ${JSON.stringify(got)}, Python ${JSON.stringify(expected)}`);
}

/** TensorDetails as interpreter.py writes them. */
function describe({ quantizationParameters, ...details }) {
  const { scales, zeroPoints, quantizedDimension } = quantizationParameters;
  return { ...details, scales: [...scales], zeroPoints: [...zeroPoints], quantizedDimension };
}

/** In units of an integer's last place, or relative to the largest real of the tensor. */
function largestDifference(got, expected) {
  if (got.length !== expected.length) return Infinity;
  const isReal = got instanceof Float32Array || got instanceof Float64Array;
  let largest = 0;
  let difference = 0;
  for (const [index, value] of got.entries()) {
    largest = Math.max(largest, Math.abs(Number(expected[index])));
    difference = Math.max(difference, Math.abs(Number(value) - Number(expected[index])));
  }
  return isReal && largest > 0 ? difference / largest : difference;
}

async function compare(path, reference) {
  const interpreter = await Interpreter.create({ modelPath: path, numThreads: 1 });
  interpreter.allocateTensors();
  const inputDetails = interpreter.getInputDetails();
  const outputDetails = interpreter.getOutputDetails();
  requireEqual('inputs', inputDetails.map(describe), reference.inputs);
  requireEqual('outputs', outputDetails.map(describe), reference.outputs);
  requireEqual('signatures', interpreter.getSignatureList(), reference.signatures);
  let worst = 0;
  for (const { inputs, outputs } of reference.cases) {
    for (const [position, { index, dtype }] of inputDetails.entries()) {
      interpreter.setTensor(index, decode(inputs[position], dtype));
    }
    interpreter.invoke();
    for (const [position, { index, dtype }] of outputDetails.entries()) {
      const expected = decode(outputs[position], dtype);
      worst = Math.max(worst, largestDifference(interpreter.getTensor(index).data, expected));
    }
  }
  await interpreter.release();
  const isReal = outputDetails.some(({ dtype }) => dtype.startsWith('float'));
  const limit = isReal ? 1e-5 : 0;
  if (worst > limit) throw new Error(`differs by ${worst}, more than ${limit}`);
  const differing = new Set(reference.cases.map(({ outputs }) => outputs.join())).size;
  const { length } = reference.cases;
  return `${length} cases, ${differing} different results, largest difference ${worst}`;
}

const commandOptions = { python: { type: 'string' } };
const { values, positionals } = parseArgs({ options: commandOptions, allowPositionals: true });
const interpreter = values.python ?? python();
const models = positionals.length > 0 ? positionals : defaultModels(interpreter);
const script = join(here, 'interpreter.py');
const lines = runOrThrow(interpreter, [script, ...models])
  .trim()
  .split('\n');
for (const [number, path] of models.entries()) {
  try {
    console.log(`ok   ${basename(path)}: ${await compare(path, JSON.parse(lines[number]))}`);
  } catch (error) {
    console.log(`FAIL ${basename(path)}: ${error.message}`);
    process.exitCode = 1;
  }
}
