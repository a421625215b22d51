import { statSync } from 'node:fs';

import { runtimeInfo } from 'onlite';
import { median } from 'onlite/bench';

import { childScript, runNode } from '../harness/child.mjs';
import { fromValues } from '../harness/context.mjs';
import { RawProgram } from '../harness/raw.mjs';
import { Skip } from '../harness/skip.mjs';
import { engineOf, MOBILENETS, modelPath, WAKE_WORD } from '../models/models.mjs';

export const name = 'memory';
export const description = 'private memory of a session and of a further interpreter';

/** Per cent of what the first interpreter took. */
const limits = { 'mobilenet_v2_float32.tflite': 40, 'mobilenet_v2_int8.tflite': 55 };
const figure = 'a further TensorFlow Lite interpreter';

const warmModel = (model) => modelPath(engineOf(model) === 'tflite' ? WAKE_WORD : 'add.onnx');

/** In a fresh process: a session's bytes, and those of a second run at once. */
async function inProcess(model) {
  const flags = ['--expose-gc', '--max-semi-space-size=1'];
  const models = [warmModel(model), modelPath(model)];
  return (await runNode([...flags, childScript('memory.mjs'), ...models])).json;
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
 * A second run at once, after the same runs one by one: the traffic is the same, and only the
 * second interpreter is new. Interpreters are made when they are needed, and never more than there
 * are threads: asking for more runs at once than that measures nothing. It is compared with raw
 * C's interpreter, not with ours, so that a wasteful first one does not make the second look small.
 */
async function further(model, sessions, count) {
  if (runtimeInfo().executorThreads < 2) throw new Skip('one thread never runs two at once');
  const firsts = await repeat(count, () => firstInRawC(model));
  const first = median(firsts);
  const shares = sessions.map((session) => (session.further / first) * 100);
  return { ...fromValues(shares, { firsts }), note: `first in raw C ${megabytes(first)} MB` };
}

const megabytes = (bytes) => (bytes / 1e6).toFixed(1);

export async function run(context) {
  if (process.platform !== 'linux') throw new Skip('private memory is read from /proc');
  const count = context.pace.processes;
  for (const model of MOBILENETS) {
    const sessions = [];
    await context.case({ name: `${model}, one session`, unit: 'MB' }, async () => {
      sessions.push(...(await repeat(count, () => inProcess(model))));
      const values = sessions.map(({ bytes }) => bytes / 1e6);
      const file = megabytes(statSync(modelPath(model)).size);
      return { ...fromValues(values, { sessions }), note: `the file has ${file} MB` };
    });
    const atMost = limits[model];
    const row = {
      name: `${model}, a second run at once, of raw C's first`,
      unit: 'percent',
      ...(atMost ? { target: { atMost }, figure } : {}),
    };
    await context.case(row, async () => {
      if (sessions.length === 0) sessions.push(...(await repeat(count, () => inProcess(model))));
      return further(model, sessions, count);
    });
  }
}
