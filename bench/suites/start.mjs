import { InferenceSession } from 'onlite';
import { interleave, summarize } from 'onlite/bench';

import { childScript, runNode } from '../harness/child.mjs';
import { fromInterleaved, fromValues } from '../harness/context.mjs';
import { rawProgram } from '../harness/raw.mjs';
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
  await context.case({ name: 'require, inside the process', ...row }, async () =>
    fromValues(inProcess, { inProcess }),
  );
  await context.case(
    { name: 'require: runtime libraries opened', unit: 'count', target: { atMost: 0 }, figure },
    async () => ({ value: opened.length, details: { opened: [...new Set(opened)] } }),
  );
}

/** Creation of sessions in one process that has the runtime loaded, against raw C's. */
async function creation(context, model, apart) {
  const path = modelPath(model);
  const raw = rawProgram(engineOf(model));
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
  const rawCreate = () => raw.create(path, { ms: context.pace.sliceMs, apart });
  await create();
  await rawCreate();
  const result = await interleave({
    subject: create,
    baseline: rawCreate,
    ...context.repetitions(`${model}, creation${apart ? ', raw C apart' : ''}`),
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

export async function run(context) {
  await requireTime(context);
  for (const model of MOBILENETS) {
    await context.case(
      {
        name: `${model}, session creation / raw C`,
        unit: 'ratio',
        target: { atMost: 1.1 },
        figure: 'session creation, each MobileNetV2 file, warm file cache',
      },
      () => creation(context, model, false),
    );
    // As a program does that must not block its main thread.
    await context.case(
      { name: `${model}, session creation / raw C on a thread of its own`, unit: 'ratio' },
      () => creation(context, model, true),
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
