// The real converters on small models that are made here: what they write agrees with the original and
// is the same each time, and what they cannot convert is named. The environments (818 MB to download
// for sklearn, tensorflow and onnx2tf, 3 GB more for torch on Linux) are made on first use in
// build/converters.
// usage: convert.mjs [--torch] [--python PYTHON] [--only WORDS] [sklearn|tensorflow|onnx2tf|torch…]: by default
// without torch; --only: cases whose 'source → target' has these words
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { InferenceSession } from 'onlite';
import { convertModel, makeEnvironment } from 'onlite/convert';

import { runOrThrow } from './python.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const build = join(here, '../../build');
process.env.ONLITE_DATA_PATH ??= build;
const models = join(build, 'convert-models');
const written = join(build, 'converted');

const { values: chosen, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    torch: { type: 'boolean' },
    python: { type: 'string' },
    only: { type: 'string', default: '' },
  },
});

const trust = { trust: true };
/** Source, target, options (with `quantize` those of the command); and the code and words of a conversion that is refused. */
const CASES = {
  sklearn: [
    ['forest.skops', 'forest.onnx', trust],
    ['forest.joblib', 'forest-joblib.onnx', trust],
    ['words.joblib', 'words.onnx', trust],
    ['ridge.skops', 'ridge.onnx'],
    ['columns.skops', 'columns.onnx', trust],
    ['forest.joblib', 'x.onnx', {}, 'ERR_UNSUPPORTED', /a pickle.* runs code/],
  ],
  tensorflow: [
    ['cnn.keras', 'cnn.tflite'],
    ['cnn.keras', 'cnn.onnx'],
    ['cnn.h5', 'cnn-h5.tflite'],
    ['cnn.keras', 'cnn-16.tflite', { float16: true }],
    ['cnn.keras', 'cnn-int8.tflite', { quantize: 'static', data: 'images.npz' }],
    ['two.keras', 'two.tflite'],
    ['two.keras', 'two.onnx'],
    ['signatures', 'signatures.tflite'],
    ['signatures', 'signatures.onnx'],
    ['signatures', 'embed.onnx', { signature: 'embed' }],
    ['mobilenet.keras', 'mobilenet.tflite'],
    ['mobilenet.keras', 'mobilenet.onnx'],
    // And back.
    ['../converted/cnn.tflite', 'cnn-back.onnx'],
    ['../converted/mobilenet.tflite', 'mobilenet-back.onnx'],
    ['igamma', 'igamma.tflite', {}, 'ERR_UNSUPPORTED', /no operator for Igamma/],
    ['igamma', 'igamma.onnx', {}, 'ERR_UNSUPPORTED', /tf2onnx has no converter for Igamma/],
    ['signatures', 'x.onnx', { signature: 'y' }, 'ERR_INVALID_ARGUMENT', /embed, serving_default/],
  ],
  onnx2tf: [
    ['cnn.onnx', 'cnn-onnx.tflite'],
    ['cnn.onnx', 'cnn-onnx-16.tflite', { float16: true }],
    ['mlp.onnx', 'mlp.tflite'],
    ['residual.onnx', 'residual.tflite'],
    ['attention.onnx', 'attention.tflite'],
    [
      'attention.onnx',
      'attention-fixed.tflite',
      { shapes: { ids: { dims: [1, 6] }, extra: { dims: [1, 6, 16] } } },
    ],
    ['../converted/mobilenet.onnx', 'mobilenet-onnx.tflite'],
    // And back.
    ['../converted/cnn-onnx.tflite', 'cnn-onnx-back.onnx'],
    ['../converted/mobilenet-onnx.tflite', 'mobilenet-onnx-back.onnx'],
    [
      'det.onnx',
      'x.tflite',
      {},
      'ERR_UNSUPPORTED',
      /MatrixDeterminant, .* of Det \(at \/net\/d\/Det/,
    ],
    ['own.onnx', 'x.tflite', {}, 'ERR_UNSUPPORTED', /no converter for MyOwn \(at \/net\/y\/MyOwn/],
    [
      'cnn.onnx',
      'x.tflite',
      { shapes: { x: { dims: [1] } } },
      'ERR_INVALID_ARGUMENT',
      /--shape x: the inputs are image/,
    ],
  ],
  torch: [
    ['net.pt2', 'net-exported.onnx'],
    ['net.pt', 'net.onnx', { shapes: { image: { dims: [1, 3, 8, 8] } }, dynamicBatch: true }],
    ['net.pt', 'x.onnx', {}, 'ERR_INVALID_ARGUMENT', /the inputs are image; give each/],
    ['weights.pt', 'x.onnx', {}, 'ERR_UNSUPPORTED', /no TorchScript/],
  ],
};

const consent = () => true;

/** The Python with which an environment's models are made. */
const pythonOf = async (environment) => chosen.python ?? (await makeEnvironment(environment));

/** Has a source that is not there made: by the script, or by the case whose target it is. */
async function ensure(source) {
  if (existsSync(join(models, source))) return;
  for (const [environment, cases] of Object.entries(CASES)) {
    const before = cases.find(([, target]) => `../converted/${target}` === source);
    if (before) {
      await ensure(before[0]);
      const options = { ...before[2], consent };
      await convertModel(join(models, before[0]), join(models, source), options);
    } else if (cases.some(([from, , options]) => [from, options?.data].includes(source))) {
      runOrThrow(await pythonOf(environment), [join(here, 'convert.py'), environment, models]);
    }
  }
}

const digest = (file) => createHash('sha256').update(readFileSync(file)).digest('hex').slice(0, 12);

async function refused([source, target, options, code, words]) {
  const error = await convertModel(join(models, source), join(written, target), options).then(
    () => undefined,
    (reason) => reason,
  );
  if (error?.code !== code || !words.test(error.message)) {
    throw new Error(`expected ${code} ${words}, got ${error?.code}: ${error?.message}`);
  }
  return error.message;
}

/** By the command, which hands what it has converted to `onlite quantize`. */
async function quantized([source, target, { quantize, data, python }]) {
  await ensure(data);
  const file = join(written, target);
  const args = ['convert', join(models, source), file, '--quantize', quantize];
  args.push('--data', join(models, data), '--yes', '--json', '--force');
  if (python !== undefined) args.push('--python', python);
  const main = join(here, '../../dist/cli/main.js');
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    encoding: 'utf8',
  });
  // 3: so small a network is no quicker in int8, which the guard says and --force overrules.
  if (status !== 0 && status !== 3) throw new Error(`exit code ${status}: ${stderr}${stdout}`);
  const { check, target: float, quantized: found } = JSON.parse(stdout);
  if (!check.holds || check.samples !== 100) throw new Error(`the check: ${JSON.stringify(check)}`);
  const { calibration, heldOut } = found.samples;
  if (calibration + heldOut !== 100) throw new Error(`samples: ${JSON.stringify(found.samples)}`);
  const { size } = statSync(file);
  if (size >= float.bytes) throw new Error(`${size} bytes of ${float.bytes}`);
  if (!readFileSync(file).includes('onlite.conversion')) throw new Error('it does not say of what');
  const session = await InferenceSession.create(file);
  await session.release();
  return `${size} bytes of ${float.bytes}, ${check.samples} samples`;
}

async function converted([source, target, options = {}]) {
  const file = join(written, target);
  const { check, values } = await convertModel(join(models, source), file, { ...options, consent });
  if (!check.holds) throw new Error(`the outputs do not agree: ${JSON.stringify(check.outputs)}`);
  for (const { name, converted: other } of values) {
    if (other.name !== name) throw new Error(`'${name}' has become '${other.name}'`);
  }
  const first = digest(file);
  await convertModel(join(models, source), file, options);
  if (digest(file) !== first) throw new Error('a second conversion gives other bytes');
  const session = await InferenceSession.create(file);
  await session.release();
  const errors = check.outputs.map(({ name, maxError, agreement }) =>
    maxError === undefined
      ? `${name} ${100 * agreement} % alike`
      : `${name} ±${maxError.toPrecision(2)}`,
  );
  return `${first}, ${check.samples} samples: ${errors.join(', ')}`;
}

mkdirSync(models, { recursive: true });
mkdirSync(written, { recursive: true });
let failed = 0;
let passed = 0;
for (const [environment, cases] of Object.entries(CASES)) {
  const isAsked =
    positionals.length === 0 ? environment !== 'torch' : positionals.includes(environment);
  if (!isAsked && !(environment === 'torch' && chosen.torch)) continue;
  const python = await pythonOf(environment);
  for (const one of cases) {
    const [source, target, options] = one;
    if (!`${source} → ${target}`.includes(chosen.only)) continue;
    if (chosen.python !== undefined) one[2] = { ...options, python };
    const start = performance.now();
    try {
      await ensure(source);
      const how = one.length > 3 ? refused : one[2]?.quantize ? quantized : converted;
      const found = await how(one);
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      console.log(`ok ${source} → ${target} (${seconds} s): ${found}`);
      passed++;
    } catch (error) {
      failed++;
      console.log(`FAILED ${source} → ${target}: ${error.message}\n${error.cause?.message ?? ''}`);
    }
  }
}
// What one case has written is another's source.
if (chosen.only === '') rmSync(written, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
