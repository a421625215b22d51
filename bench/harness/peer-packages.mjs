// Other packages that run models, where they are installed.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { fillFloats, sizeOf } from '../models/values.mjs';
import { BENCH, ROOT } from './paths.mjs';
import { Skip } from './skip.mjs';

const folders = [join(BENCH, 'peers'), join(ROOT, 'runtimes', 'peers')];

/** Loads a package from the first folder that has it. */
function load(name) {
  for (const folder of folders) {
    if (!existsSync(join(folder, 'node_modules', name))) continue;
    try {
      return createRequire(join(folder, 'package.json'))(name);
    } catch (error) {
      throw new Skip(`${name} cannot be loaded: ${error.message.split('\n')[0]}`);
    }
  }
  throw new Skip(`${name} is not installed: npm install --prefix bench/peers --legacy-peer-deps`);
}

/** onnxruntime-node's session and tensors. */
export function onnxruntimeNode() {
  return load('onnxruntime-node');
}

/** A function that runs the model once, to be awaited. */
export async function loadOnnxruntimeNode(path) {
  const { InferenceSession, Tensor } = load('onnxruntime-node');
  const session = await InferenceSession.create(path, { intraOpNumThreads: 1 });
  const feeds = {};
  for (const { name, shape } of session.inputMetadata) {
    const dims = shape.map((dim) => (typeof dim === 'number' && dim > 0 ? dim : 1));
    const size = sizeOf(dims);
    feeds[name] = new Tensor('float32', fillFloats(new Float32Array(size)), dims);
  }
  return () => session.run(feeds);
}

/** The same for tfjs-tflite-node, by its lowest level: without tfjs's own tensors. */
export async function loadTfjsTflite(path) {
  const peer = load('tfjs-tflite-node');
  const tf = load('@tensorflow/tfjs-core');
  // For the tensors that the package takes and makes; the model runs in its own library.
  load('@tensorflow/tfjs-backend-cpu');
  const model = await peer.loadTFLiteModel(path, { numThreads: 1 });
  const [input] = model.inputs;
  const size = input.shape.reduce((product, dim) => product * dim, 1);
  const tensor = tf.tensor(fillFloats(new Float32Array(size)), input.shape, input.dtype);
  return () => {
    const result = model.predict(tensor);
    for (const output of result instanceof tf.Tensor ? [result] : Object.values(result)) {
      output.dispose();
    }
  };
}

/** A Python runtime in a process of its own: onnxruntime or ai-edge-litert of a virtual environment. */
export async function pythonPeer(venv, engine, path) {
  if (venv === undefined) throw new Skip('no virtual environment was given (--python)');
  const python = join(venv, 'bin', 'python');
  const child = spawn(python, [join(BENCH, 'peers', 'peer.py'), engine, path], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const waiting = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    waiting.shift()?.resolve(JSON.parse(line));
  });
  const fail = () => {
    for (const { reject } of waiting.splice(0)) reject(new Skip(`${python} cannot run ${engine}`));
  };
  child.on('error', fail);
  child.on('close', fail);
  child.stdin.on('error', () => {});
  return {
    run: ({ ms, batch }) =>
      new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
        child.stdin.write(`${Math.round(ms)} ${batch}\n`);
      }),
    end: () => child.stdin.end(),
  };
}
