import { basename } from 'node:path';

import { InferenceSession } from 'onlite';
import { interleave, median, summarize } from 'onlite/bench';

import { childScript, runNode } from '../harness/child.mjs';
import { fromInterleaved, fromValues } from '../harness/context.mjs';
import { RawProgram, rawProgram } from '../harness/raw.mjs';
import { Skip } from '../harness/skip.mjs';
import { LARGE_MODELS, writeLargeModel } from '../models/large.mjs';
import { engineOf, MOBILENETS, modelPath } from '../models/models.mjs';

export const name = 'start';
export const description = 'require, session creation and first run; fresh processes';

async function requireTime(context) {
  const figure = "`require('onlite')`";
  const row = { unit: 'ns', target: { atMost: 15e6 }, figure };
  const opened = [];
  const inProcess = [];
  const loading = async () => {
    const { wallMs, json } = await runNode([childScript('require.cjs')]);
    opened.push(...json.opened);
    inProcess.push(json.requireMs * 1e6);
    return { p50: wallMs * 1e6 };
  };
  const bare = async () => ({ p50: (await runNode([childScript('bare.cjs')])).wallMs * 1e6 });
  await loading(); // the file cache
  await context.case({ name: 'require, whole process above bare Node', ...row }, async () => {
    const result = await interleave({
      subject: loading,
      baseline: bare,
      ...context.repetitions('require'),
      repetitions: context.pace.processes,
    });
    return fromInterleaved(result, { key: 'difference', sides: ['process', 'bare'] });
  });
  await context.case(
    { name: 'require, inside the process', ...row, target: { atMost: 10e6 } },
    async () => fromValues(inProcess, { inProcess }),
  );
  await context.case(
    { name: 'require: runtime libraries opened', unit: 'count', target: { atMost: 0 }, figure },
    async () => ({ value: opened.length, details: { opened: [...new Set(opened)] } }),
  );
}

/** Creation of sessions in one process that has the runtime loaded, against raw C's. */
async function creation(context, path, { apart = false, source = 'bytes' } = {}) {
  const raw = rawProgram(engineOf(path));
  const create = async () => {
    const samples = [];
    const end = performance.now() + context.pace.sliceMs;
    do {
      const start = performance.now();
      const session = await InferenceSession.create(path, { intraOpNumThreads: 1 });
      samples.push((performance.now() - start) * 1e6);
      await session.release();
    } while (performance.now() < end);
    return summarize(samples);
  };
  const rawCreate = () => raw.create(path, { ms: context.pace.sliceMs, apart, source });
  await create();
  await rawCreate();
  const result = await interleave({
    subject: create,
    baseline: rawCreate,
    ...context.repetitions(`${basename(path)}, creation${apart ? ', raw C apart' : ''}`),
  });
  return fromInterleaved(result);
}

/** Creation and the first run in a fresh process, where the library has to be loaded too. */
async function firstRun(context, model, key) {
  const values = [];
  for (let index = 0; index < context.pace.processes; index += 1) {
    const { json } = await runNode([childScript('first-run.mjs'), modelPath(model)]);
    values.push(json[key] * 1e6);
  }
  return fromValues(values, { values });
}

/** How far the resident set rises while a session is created, each time in fresh processes. */
async function creationPeak(context, path) {
  if (process.platform !== 'linux') throw new Skip('the highest resident set is read from /proc');
  const warmModel = modelPath('add.onnx');
  const ratios = [];
  const peaks = [];
  for (let index = 0; index < context.pace.processes; index += 1) {
    const child = childScript('load-peak.mjs');
    const { json } = await runNode(['--expose-gc', child, warmModel, path]);
    const raw = new RawProgram(engineOf(path));
    await raw.loadPeak(warmModel);
    const bytes = await raw.loadPeak(path);
    raw.end();
    ratios.push(json.bytes / bytes);
    peaks.push({ node: json.bytes, raw: bytes });
  }
  const megabytes = (side) => (median(peaks.map((peak) => peak[side])) / 1e6).toFixed(1);
  return {
    ...fromValues(ratios, { peaks }),
    note: `${megabytes('node')} MB / ${megabytes('raw')} MB`,
  };
}

/** Against raw C that gives the runtime the model's path, as the runtime's own bindings do. */
async function largeWeights(context) {
  const figure = 'a model with large weights by path: time and peak of creation';
  for (const model of LARGE_MODELS) {
    const row = { unit: 'ratio', target: { atMost: 1.1 }, figure };
    await context.case({ name: `${model}, session creation / raw C by path`, ...row }, () =>
      creation(context, writeLargeModel(model), { source: 'path' }),
    );
    await context.case({ name: `${model}, peak of creation / raw C by path`, ...row }, () =>
      creationPeak(context, writeLargeModel(model)),
    );
  }
}

export async function run(context) {
  await requireTime(context);
  await largeWeights(context);
  for (const model of MOBILENETS) {
    await context.case(
      {
        name: `${model}, session creation / raw C`,
        unit: 'ratio',
        target: { atMost: 1.1 },
        figure: 'session creation, each MobileNetV2 file, warm file cache',
      },
      () => creation(context, modelPath(model)),
    );
    // As a program does that must not block its main thread.
    await context.case(
      { name: `${model}, session creation / raw C on a thread of its own`, unit: 'ratio' },
      () => creation(context, modelPath(model), { apart: true }),
    );
  }
  for (const model of ['add.onnx', ...MOBILENETS]) {
    for (const [key, what] of [
      ['createMs', 'first session of a process'],
      ['firstRunMs', 'first run'],
    ]) {
      await context.case({ name: `${model}, ${what}`, unit: 'ns' }, () =>
        firstRun(context, model, key),
      );
    }
  }
}
