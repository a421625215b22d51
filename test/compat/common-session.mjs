// onnxruntime-common's own InferenceSession, once the drop-in entry has been loaded.
import { strict as assert } from 'node:assert';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import { reportCase } from '../lifecycle/children/cases.mjs';

const require = createRequire(import.meta.url);
const { InferenceSession, Tensor, env } = require('onnxruntime-common');
const path = (name) => fileURLToPath(new URL(`../fixtures/models/${name}`, import.meta.url));
const x = () => new Tensor('float32', [1, 2, 3, 4]);

const cases = {
  'there is no backend before': () =>
    assert.rejects(InferenceSession.create(path('add4.onnx')), /no available backend/),
  'there is one after': async () => {
    const dropIn = require('onlite/onnxruntime');
    assert.equal(dropIn.InferenceSession, InferenceSession);
    assert.equal(dropIn.Tensor, Tensor);
    assert.equal(env.versions.node, env.versions.common);
    const session = await InferenceSession.create(path('add4.onnx'), {
      executionProviders: ['cpu'],
    });
    const { sum } = await session.run({ a: x(), b: x() });
    assert.ok(sum instanceof Tensor);
    assert.deepEqual([...sum.data], [2, 4, 6, 8]);
  },
  "onlite's options and limits of runs": async () => {
    const session = await InferenceSession.create(path('add4.onnx'), {
      concurrency: 2,
      maxQueue: 1,
    });
    await assert.rejects(session.run({ a: x(), b: x() }, { signal: AbortSignal.abort() }), {
      code: 'ERR_CANCELLED',
    });
  },
  'a TensorFlow Lite model': async () => {
    const session = await InferenceSession.create(path('add4.tflite'));
    assert.deepEqual([...(await session.run({ a: x(), b: x() })).sum.data], [2, 4, 6, 8]);
  },
  'its sessions are counted': async () => {
    const { metricsText } = require('onlite/metrics');
    const session = await InferenceSession.create(path('add4.onnx'), { name: 'counted' });
    await session.run({ a: x(), b: x() });
    assert.match(metricsText(), /onlite_runs_total\{model="counted"[^}]*\} 1\n/);
  },
  'its fourth run is made at once where three were quick': async () => {
    const { metricsText } = require('onlite/metrics');
    const isInline = /onlite_runs_inline_total\{model="quick"[^}]*\} [1-9]/;
    // One of them is enough on an idle machine.
    for (let index = 0; index < 50 && !isInline.test(metricsText()); index++) {
      const session = await InferenceSession.create(path('add4.onnx'), { name: 'quick' });
      for (let run = 0; run < 4; run++) await session.run({ a: x(), b: x() });
      await session.release();
    }
    assert.match(metricsText(), isInline);
  },
};
for (const [name, run] of Object.entries(cases)) await reportCase(name, run);
