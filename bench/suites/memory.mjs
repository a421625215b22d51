import { statSync } from 'node:fs';

import { runtimeInfo } from 'onlite';

import { childScript, runNode } from '../harness/child.mjs';
import { fromValues } from '../harness/context.mjs';
import { RawProgram } from '../harness/raw.mjs';
import { Skip } from '../harness/skip.mjs';
import { median } from '../harness/statistics.mjs';
import { engineOf, MOBILENETS, modelPath, WAKE_WORD } from '../models/models.mjs';

export const name = 'memory';
export const description = 'private memory of a session and of a further interpreter';

/** Per cent of what the first interpreter took. */
const limits = { 'mobilenet_v2_float32.tflite': 40, 'mobilenet_v2_int8.tflite': 55 };
const figure = 'a further TensorFlow Lite interpreter';

const warmModel = (model) => modelPath(engineOf(model) === 'tflite' ? WAKE_WORD : 'add.onnx');

async function inProcess(model, { concurrency, inFlight }) {
  const values = [warmModel(model), modelPath(model), String(concurrency), String(inFlight)];
  const { json } = await runNode(['--expose-gc', childScript('memory.mjs'), ...values]);
  return json.bytes;
}

/** What raw C's first session or interpreter takes beside the file's bytes, in a fresh process. */
async function firstInRawC(model) {
  const raw = new RawProgram(engineOf(model));
  await raw.memory(warmModel(model));
  const bytes = await raw.memory(modelPath(model));
  raw.end();
  return bytes - statSync(modelPath(model)).size;
}

async function repeat(count, measure) {
  const values = [];
  for (let index = 0; index < count; index += 1) values.push(await measure());
  return values;
}

/**
 * A second run at once against the same two requests one after the other: the traffic, and so
 * the copies of its tensors, is the same on both sides, and only the second interpreter differs.
 * Interpreters are made when they are needed, and never more than there are threads: asking for
 * more runs at once than that measures nothing. The whole is compared with raw C's interpreter,
 * not with ours, so that a wasteful first one does not make the second look small.
 */
async function further(model, count) {
  if (runtimeInfo().executorThreads < 2) throw new Skip('one thread never runs two at once');
  const firsts = await repeat(count, () => firstInRawC(model));
  const first = median(firsts);
  const oneByOne = [];
  const atOnce = [];
  const shares = await repeat(count, async () => {
    oneByOne.push(await inProcess(model, { concurrency: 1, inFlight: 2 }));
    atOnce.push(await inProcess(model, { concurrency: 2, inFlight: 2 }));
    return ((atOnce.at(-1) - oneByOne.at(-1)) / first) * 100;
  });
  const note = `first in raw C ${(first / 1e6).toFixed(1)} MB`;
  return { ...fromValues(shares, { firsts, oneByOne, atOnce }), note };
}

export async function run(context) {
  if (process.platform !== 'linux') throw new Skip('private memory is read from /proc');
  const count = context.pace.processes;
  for (const model of MOBILENETS) {
    await context.case({ name: `${model}, one session`, unit: 'MB' }, async () => {
      const bytes = await repeat(count, () => inProcess(model, { concurrency: 1, inFlight: 1 }));
      return fromValues(bytes.map((value) => value / 1e6));
    });
    const atMost = limits[model];
    const row = {
      name: `${model}, a second run at once, of raw C's first`,
      unit: 'percent',
      ...(atMost ? { target: { atMost }, figure } : {}),
    };
    await context.case(row, () => further(model, count));
  }
}
