// The models that simplifying and quantising are measured with, and what to measure each against.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { runLogged } from '../harness/command.mjs';
import { OPTIMIZE_MODELS, ROOT } from '../harness/paths.mjs';
import { hashOf } from '../harness/python-environment.mjs';
import { Skip } from '../harness/skip.mjs';
import { makeEnvironments, optimizeScript, pythonOf } from './environments.mjs';

const convolutional = ['static-minmax', 'static-percentile', 'static-entropy'];

/**
 * By model: the methods of quantize.py that users would try, and `targets`. Of the quantised model:
 * `accuracy` in per cent, `sqnr` in dB, `speedup` against float, `speedupWithVnni` on a CPU that has
 * it. Of quantising it: `time` and `memory` as shares of Python's, where these are more than what
 * Python and Node start with.
 */
export const optimizeModels = {
  mlp: { methods: [...convolutional, 'dynamic'] },
  cnn: { methods: convolutional },
  depthwise: { methods: convolutional, targets: { accuracy: 90 } },
  resnet: { methods: convolutional, targets: { speedupWithVnni: 2 } },
  mobilenet_v2: { methods: convolutional, targets: { speedupWithVnni: 2, time: 0.5, memory: 0.3 } },
  unet: { methods: convolutional },
  encoder: {
    methods: ['dynamic', 'static-minmax', 'static-percentile', 'static-matmul', 'float16'],
    targets: { sqnr: 45, speedup: 1.8, time: 0.5, memory: 0.3 },
  },
  lstm: { methods: ['dynamic'] },
  gru: { methods: ['dynamic'] },
};

/** The graphs of exports.py. */
export const exportedGraphs = ['resnet', 'detector', 'nhwc', 'lstm_if', 'attention', 'encoder'];

/** The TensorFlow Lite models of tflite_models.py. */
export const tfliteModels = ['resnet', 'mobilenet_v2'];

const EXPORTS = join(OPTIMIZE_MODELS, 'exports');
const TFLITE = join(OPTIMIZE_MODELS, 'tflite');
const stamp = join(OPTIMIZE_MODELS, '.stamp');
const log = join(ROOT, 'build', 'optimize-models.log');

/** The scripts that make the models. */
const makers = ['digits', 'encoder', 'exports', 'graph', 'models', 'tflite_models', 'training'];
const stampText = () => hashOf(makers.map((script) => optimizeScript(`${script}.py`)));

function existing(path) {
  if (!existsSync(path)) throw new Skip(`${path} is missing: npm run bench -- --prepare optimize`);
  return path;
}

/** The paths of a model and of its samples. */
export const filesOf = (name) => ({
  model: existing(join(OPTIMIZE_MODELS, `${name}.onnx`)),
  calibration: existing(join(OPTIMIZE_MODELS, `${name}.calibration.npz`)),
  heldOut: existing(join(OPTIMIZE_MODELS, `${name}.heldout.npz`)),
  sample: existing(join(OPTIMIZE_MODELS, `${name}.sample.npz`)),
});

export const tfliteFilesOf = (name) => ({
  model: existing(join(TFLITE, `${name}.tflite`)),
  calibration: existing(join(TFLITE, `${name}.calibration.npz`)),
  heldOut: existing(join(TFLITE, `${name}.heldout.npz`)),
});

export const exportedGraph = (name) => existing(join(EXPORTS, `${name}.onnx`));

/** Makes the environments, and the models unless they are those that the scripts make. */
export function prepareOptimize(show) {
  makeEnvironments(show);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === stampText()) return;
  show('training and writing models (five minutes)');
  mkdirSync(OPTIMIZE_MODELS, { recursive: true });
  runLogged(log, pythonOf('models'), [optimizeScript('models.py'), OPTIMIZE_MODELS]);
  runLogged(log, pythonOf('models'), [optimizeScript('exports.py'), EXPORTS]);
  runLogged(log, pythonOf('models'), [optimizeScript('tflite_models.py'), TFLITE]);
  writeFileSync(stamp, stampText());
}
