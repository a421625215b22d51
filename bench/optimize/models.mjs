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

/**
 * The TensorFlow Lite models of tflite_models.py: the method of ours and of the references whose values
 * are compared, and `targets`: `speedup` against float, `speedupWithVnni` on a CPU that has it,
 * `hasCost` where the time and memory of quantising are measured.
 */
export const tfliteModels = {
  resnet: { method: 'static', targets: { hasCost: true } },
  mobilenet_v2: { method: 'static', targets: { hasCost: true } },
  pooled: { method: 'static', targets: { speedup: 1 } },
  encoder: { method: 'dynamic', targets: { speedupWithVnni: 2.6 } },
};

const EXPORTS = join(OPTIMIZE_MODELS, 'exports');
const TFLITE = join(OPTIMIZE_MODELS, 'tflite');
const log = join(ROOT, 'build', 'optimize-models.log');

/** The scripts that make the models, in their folders, and what each imports. */
const makers = [
  { script: 'models', folder: OPTIMIZE_MODELS, with: ['digits', 'encoder', 'graph', 'training'] },
  { script: 'exports', folder: EXPORTS, with: ['encoder', 'graph'] },
  {
    script: 'tflite_models',
    folder: TFLITE,
    with: ['digits', 'encoder', 'graph', 'models', 'training'],
  },
];

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
  sample: existing(join(TFLITE, `${name}.sample.npz`)),
  /** What TensorFlow's own converter makes of it, by method. */
  byTensorflow: (method) => existing(join(TFLITE, `${name}-tensorflow-${method}.tflite`)),
});

/** One network with most weights of 1x1 convolutions zero, in two encodings. */
export const sparseFiles = () => ({
  dense: existing(join(TFLITE, 'dense.tflite')),
  sparse: existing(join(TFLITE, 'sparse.tflite')),
  sample: existing(join(TFLITE, 'sparse.sample.npz')),
});

export const exportedGraph = (name) => existing(join(EXPORTS, `${name}.onnx`));

/** Makes the environments, and those models that are not what their scripts make. */
export function prepareOptimize(show) {
  makeEnvironments(show);
  for (const { script, folder, with: imported } of makers) {
    const stamp = join(folder, '.stamp');
    const text = hashOf([script, ...imported].map((each) => optimizeScript(`${each}.py`)));
    if (existsSync(stamp) && readFileSync(stamp, 'utf8') === text) continue;
    show(`${script}.py: training and writing models (minutes)`);
    mkdirSync(folder, { recursive: true });
    runLogged(log, pythonOf('models'), [optimizeScript(`${script}.py`), folder]);
    writeFileSync(stamp, text);
  }
}
