import { interleave, sampleAsync } from 'onlite/bench';
import { InferenceSession, Tensor } from 'onlite';

import { againstRaw } from '../harness/against-raw.mjs';
import { fromInterleaved, fromValues } from '../harness/context.mjs';
import { findDevice } from '../harness/device.mjs';
import { Skip } from '../harness/skip.mjs';
import { createSession, feedsFor } from '../harness/subject.mjs';
import { batches } from '../models/gpu.mjs';
import { modelPath } from '../models/models.mjs';
import { streaming, tensorsOf } from '../models/streaming.mjs';

export const name = 'gpu';
export const description = 'on a GPU: host and device bindings, a decoder whose cache stays there';

/** A run that takes longer is not measured: the device is made of software. */
const patienceMs = 300;

function bound(session, mode) {
  const outputs = Object.fromEntries(
    session.outputNames.map((output) => [output, { location: 'device' }]),
  );
  const binding = session.bind(mode === 'device' ? { outputs } : {});
  for (const [input, { data }] of Object.entries(feedsFor(session))) {
    binding.inputs[input].data.set(data);
  }
  return () => binding.runSync();
}

async function bindings(context, { provider, device }, model, mode) {
  const name = `${device}: ${model}, ${mode === 'device' ? 'outputs on the device' : 'host bindings'} / raw C`;
  await context.case({ name, unit: 'ratio' }, async () => {
    const session = await createSession(model, { executionProviders: [provider] });
    try {
      const run = bound(session, mode);
      run(); // compiles the kernels
      const before = performance.now();
      run();
      const took = performance.now() - before;
      if (took > patienceMs) throw new Skip(`a run takes ${(took / 1000).toFixed(1)} s here`);
      return await againstRaw(context, { name, model, mode, run, provider });
    } finally {
      await session.release();
    }
  });
}

/** Sequences of the decoder with its cache on the device, by those with the cache fetched and fed. */
async function decoder(context, { provider, device }) {
  const steps = 32;
  const name = `${device}: decoder, ${steps} steps, cache on the device / fed by hand`;
  await context.case({ name, unit: 'ratio' }, async () => {
    const session = await createSession('decoder.onnx', { executionProviders: [provider, 'cpu'] });
    const { carry, feeds } = streaming['decoder.onnx'];
    const initial = tensorsOf(feeds(), Tensor);
    const outputs = Object.fromEntries(
      Object.keys(carry).map((output) => [output, { location: 'device' }]),
    );
    const io = session.bind({ inputs: tensorsOf(feeds(), Tensor), outputs, carry });
    const onDevice = async () => {
      io.resetCarry();
      for (let step = 0; step < steps; step += 1) await io.run();
    };
    const byHand = async () => {
      let next = initial;
      for (let step = 0; step < steps; step += 1) {
        const result = await session.run(next);
        next = { ...initial };
        for (const [output, input] of Object.entries(carry)) next[input] = result[output];
      }
    };
    try {
      const { warmUpMs: ms, sliceMs } = context.pace;
      for (const run of [onDevice, byHand]) await sampleAsync(run, { ms });
      const result = await interleave({
        subject: () => sampleAsync(onDevice, { ms: sliceMs }),
        baseline: () => sampleAsync(byHand, { ms: sliceMs }),
        ...context.repetitions(name),
      });
      return fromInterleaved(result, { sides: ['device', 'host'], steps });
    } finally {
      await session.release();
    }
  });
}

/** How long a program waits for the answer that there is no such device. */
async function refusal(context) {
  const name = "'cuda' where there is none: until ERR_PROVIDER_UNAVAILABLE";
  await context.case({ name, unit: 'ns' }, async () => {
    const times = [];
    for (let round = 0; round < context.pace.repetitions; round += 1) {
      const start = performance.now();
      const error = await InferenceSession.create(modelPath('add.onnx'), {
        executionProviders: ['cuda'],
      }).then(
        (session) => session.release(),
        (reason) => reason,
      );
      if (error?.code !== 'ERR_PROVIDER_UNAVAILABLE') throw new Skip('CUDA can be used here');
      times.push((performance.now() - start) * 1e6);
    }
    return fromValues(times, {});
  });
}

export async function run(context) {
  await refusal(context);
  const device = await findDevice();
  for (const batch of context.isQuick ? batches.slice(0, 2) : batches) {
    for (const model of [`mobilenet_v2_b${batch}.onnx`, `encoder_b${batch}.onnx`]) {
      for (const mode of ['bound', 'device']) await bindings(context, device, model, mode);
    }
  }
  await decoder(context, device);
}
