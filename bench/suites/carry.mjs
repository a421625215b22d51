import { Tensor } from 'onlite';
import { interleave, sampleAsync, sampleSync } from 'onlite/bench';

import { fromInterleaved } from '../harness/context.mjs';
import { rawProgram } from '../harness/raw.mjs';
import { createSession } from '../harness/subject.mjs';
import { SILERO, modelPath } from '../models/models.mjs';
import { streaming, tensorsOf } from '../models/streaming.mjs';
import { sizeOf } from '../models/values.mjs';

export const name = 'carry';
export const description = 'state that is carried from run to run: whole sequences';

const figure = 'carried state, decoder of 256 steps and Silero frames / raw C';
const models = [
  { label: 'decoder, 256 steps', model: 'decoder.onnx', steps: 256 },
  { label: 'Silero, 256 frames', model: SILERO, steps: 256 },
];

/** A sequence by hand: each step's outputs are fed to the next. */
function byHand(session, { carry, feeds: first }, steps) {
  const initial = tensorsOf(first(), Tensor);
  const pairs = Object.entries(carry);
  return async () => {
    let feeds = initial;
    for (let step = 0; step < steps; step += 1) {
      const result = await session.run(feeds);
      feeds = { ...initial };
      for (const [output, input] of pairs) feeds[input] = result[output];
    }
  };
}

function carried(session, { carry, feeds, outputs: shapes }) {
  const outputs = Object.fromEntries(
    Object.entries(shapes).map(([key, dims]) => [
      key,
      new Tensor('float32', new Float32Array(sizeOf(dims)), dims),
    ]),
  );
  return session.bind({ inputs: tensorsOf(feeds(), Tensor), outputs, carry });
}

const ways = [
  {
    label: 'bound, runSync',
    target: { atMost: 1.1 },
    figure,
    sequence: (session, plan, steps) => {
      const io = carried(session, plan);
      return () => {
        io.resetCarry();
        for (let step = 0; step < steps; step += 1) io.runSync();
      };
    },
    sample: sampleSync,
  },
  {
    label: 'bound, await run',
    sequence: (session, plan, steps) => {
      const io = carried(session, plan);
      return async () => {
        io.resetCarry();
        for (let step = 0; step < steps; step += 1) await io.run();
      };
    },
    sample: sampleAsync,
  },
  { label: 'fed by hand, await run', sequence: byHand, sample: sampleAsync },
];

async function compare(context, caseName, { model, steps }, { sequence, sample }) {
  const session = await createSession(model);
  const { carry, feeds } = streaming[model];
  const raw = await rawProgram('onnxruntime').carry(modelPath(model), {
    inputs: feeds(),
    carry,
    outputs: session.outputNames.filter((output) => !Object.hasOwn(carry, output)),
    steps,
  });
  const run = sequence(session, streaming[model], steps);
  const { warmUpMs: ms, sliceMs } = context.pace;
  try {
    await sample(run, { ms });
    await raw.latency({ ms, batch: 1 });
    const result = await interleave({
      subject: () => sample(run, { ms: sliceMs }),
      baseline: () => raw.latency({ ms: sliceMs, batch: 1 }),
      ...context.repetitions(caseName),
    });
    return fromInterleaved(result, { steps });
  } finally {
    await raw.unload();
    await session.release();
  }
}

export async function run(context) {
  for (const { label, ...model } of models) {
    for (const way of ways) {
      const caseName = `${label}, ${way.label} / raw C`;
      const { target, figure: line } = way;
      await context.case({ name: caseName, unit: 'ratio', target, figure: line }, () =>
        compare(context, caseName, model, way),
      );
    }
  }
}
