import { interleave, sampleAsync } from 'onlite/bench';
import { InferenceSession, Tensor, TensorPool } from 'onlite';

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

/** How tensors are bound: onlite's binding, and the raw program's that it is compared with. */
const waysOf = (provider) => [
  { what: 'host bindings', raw: 'bound' },
  { what: 'outputs on the device', raw: 'device', isOnDevice: true },
  ...(provider === 'cuda'
    ? [
        { what: 'host bindings in page-locked memory', raw: 'bound', isPinned: true },
        { what: 'host bindings with CUDA graphs', raw: 'bound', hasGraphs: true },
        { what: 'page-locked with CUDA graphs', raw: 'bound', isPinned: true, hasGraphs: true },
      ]
    : []),
];

function bound(session, { isOnDevice, isPinned }) {
  const outputs = Object.fromEntries(
    session.outputNames.map((output) => [output, { location: 'device' }]),
  );
  const binding = session.bind({
    ...(isOnDevice ? { outputs } : {}),
    ...(isPinned ? { pool: new TensorPool({ pinned: true }) } : {}),
  });
  for (const [input, { data }] of Object.entries(feedsFor(session))) {
    binding.inputs[input].data.set(data);
  }
  return () => binding.runSync();
}

async function bindings(context, { provider, device }, model, way) {
  const name = `${device}: ${model}, ${way.what} / raw C, ${way.isOnDevice ? 'the same' : 'host bindings'}`;
  await context.case({ name, unit: 'ratio' }, async () => {
    const options = way.hasGraphs ? { enable_cuda_graph: '1' } : {};
    const session = await createSession(model, {
      executionProviders: [{ name: provider, ...options }],
    });
    try {
      const run = bound(session, way);
      run(); // compiles the kernels
      run(); // captures the graph
      const before = performance.now();
      run();
      const took = performance.now() - before;
      if (took > patienceMs) throw new Skip(`a run takes ${(took / 1000).toFixed(1)} s here`);
      return await againstRaw(context, { name, model, mode: way.raw, run, provider });
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
  // First of all: CUDA has an ONNX Runtime of its own.
  const device = await findDevice().catch((reason) => reason);
  await refusal(context);
  if (device instanceof Error) throw device;
  for (const batch of context.isQuick && device.isSoftware ? batches.slice(0, 2) : batches) {
    for (const model of [`mobilenet_v2_b${batch}.onnx`, `encoder_b${batch}.onnx`]) {
      for (const way of waysOf(device.provider)) await bindings(context, device, model, way);
    }
  }
  await decoder(context, device);
}
