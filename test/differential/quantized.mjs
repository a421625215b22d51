// What onlite quantises, run by onlite and by Python's TensorFlow Lite or LiteRT: both are as far
// from the float model. usage: quantized.mjs [--python PYTHON] [MODEL.tflite…]
// PYTHON has tensorflow or ai-edge-litert, and numpy; without it there is an environment with the
// latter. A model has float32 inputs.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { dequantize, InferenceSession, quantize, Tensor } from 'onlite';
import { quantizeModel } from 'onlite/optimize';

import { managedPython } from './python.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = join(here, '../..');
const SAMPLES = 8;
/** Versions round by other ways: decibels that both may be apart. */
const APART = 1;

const FORMS = {
  static: { method: 'static' },
  'static, int8 in and out': { method: 'static', io: 'int8' },
  'static, int16': { method: 'static', activations: 'int16' },
  dynamic: { method: 'dynamic' },
  float16: { method: 'float16' },
};

/** Numbers from −1 to 1 that look like noise, the same each time. */
const noise = (length, seed) =>
  Float32Array.from({ length }, (_, index) => Math.sin(12.9898 * (index + 1) + 78.233 * seed));

function samplesOf({ inputMetadata }) {
  return Array.from({ length: SAMPLES }, (_, sample) =>
    Object.fromEntries(
      inputMetadata.map(({ name, shape: declared }, place) => {
        const shape = declared.map((dim) => (typeof dim === 'number' ? dim : 1));
        const length = shape.reduce((product, dim) => product * dim, 1);
        return [name, new Tensor('float32', noise(length, 1 + sample + 100 * place), shape)];
      }),
    ),
  );
}

/** What a model gives for the samples, in real numbers, in the order of its outputs. */
async function byOnlite(file, samples) {
  const session = await InferenceSession.create(file, { intraOpNumThreads: 1 });
  const values = [];
  for (const sample of samples) {
    const feeds = Object.values(sample).map((tensor, index) => {
      const { name, type, quantization } = session.inputMetadata[index];
      return [name, type === 'float32' ? tensor : quantize(tensor, quantization, type)];
    });
    const outputs = await session.run(Object.fromEntries(feeds));
    for (const { name, type, quantization } of session.outputMetadata) {
      const real = type === 'float32' ? outputs[name] : dequantize(outputs[name], quantization);
      values.push(...real.data);
    }
  }
  await session.release();
  return values;
}

function byPython(python, file, samples, folder) {
  const inputs = Object.keys(samples[0]).map((name, index) => {
    const path = join(folder, `input${index}.bin`);
    const all = samples.map((sample) => Buffer.from(sample[name].data.slice().buffer));
    writeFileSync(path, Buffer.concat(all));
    return path;
  });
  const { status, stdout, stderr } = spawnSync(
    python,
    [join(here, 'quantized.py'), file, String(samples.length), ...inputs],
    { encoding: 'utf8', maxBuffer: 2 ** 28 },
  );
  if (status !== 0) throw new Error(stderr.trim().split('\n').at(-1));
  return JSON.parse(stdout.split('\n').find((line) => line.startsWith('{')));
}

function sqnr(reference, values) {
  let [signal, error] = [0, 0];
  for (const [index, value] of reference.entries()) {
    signal += value ** 2;
    error += (value - values[index]) ** 2;
  }
  return 10 * Math.log10(signal / error);
}

function defaultModels() {
  const fixtures = join(root, 'test/fixtures/models');
  const made = join(root, 'build/optimize-models/tflite');
  const wanted = /^(conv|mlp|resnet|mobilenet_v2)\.tflite$/;
  return [fixtures, made].flatMap((folder) => {
    try {
      return readdirSync(folder)
        .filter((name) => wanted.test(name))
        .map((name) => join(folder, name));
    } catch {
      return [];
    }
  });
}

const { values: options, positionals } = parseArgs({
  options: { python: { type: 'string' } },
  allowPositionals: true,
});
const python = options.python ?? managedPython('quantized-venv', join(here, 'quantized.txt'));
const folder = mkdtempSync(join(tmpdir(), 'onlite-quantized-'));
let failures = 0;
try {
  for (const model of positionals.length > 0 ? positionals : defaultModels()) {
    const session = await InferenceSession.create(model);
    const samples = samplesOf(session);
    await session.release();
    const float = await byOnlite(model, samples);
    const data = () => samples.map((feeds) => ({ feeds }));
    for (const [name, form] of Object.entries(FORMS)) {
      const file = join(folder, 'quantized.tflite');
      const limits = { force: true, minSqnr: -Infinity, minSpeedup: 0 };
      const calibration = form.method === 'static' ? { calibration: { method: 'minmax' } } : {};
      const label = `${basename(model)}, ${name}`;
      try {
        await quantizeModel(model, file, { data, ...form, ...calibration, ...limits });
      } catch (error) {
        if (error.code !== 'ERR_UNSUPPORTED') throw error;
        console.log(`${label}: nothing to quantise`);
        continue;
      }
      const own = sqnr(float, await byOnlite(file, samples));
      let line;
      try {
        const { runtime, values } = byPython(python, file, samples, folder);
        const theirs = sqnr(float, values);
        const isNear = values.length === float.length && Math.abs(own - theirs) <= APART;
        if (!isNear) failures++;
        const numbers = `onlite ${own.toFixed(1)} dB, ${runtime} ${theirs.toFixed(1)} dB`;
        line = `${numbers} from float${isNear ? '' : ', APART'}`;
      } catch (error) {
        failures++;
        line = `FAILS: ${error.message}`;
      }
      console.log(`${label}: ${line}`);
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}
console.log(failures === 0 ? 'all agree' : `${failures} do not agree`);
process.exitCode = failures === 0 ? 0 : 1;
