import { batchFor, interleave, sampleAsync } from 'onlite/bench';

import { loadOnnxruntimeNode, loadTfjsTflite, pythonPeer } from '../harness/peer-packages.mjs';
import { fromInterleaved } from '../harness/context.mjs';
import { sideBySide } from '../harness/side-by-side.mjs';
import { rawProgram } from '../harness/raw.mjs';
import { engineOf, MOBILENETS, modelPath, SILERO } from '../models/models.mjs';
import { streaming, varying } from '../models/streaming.mjs';

export const name = 'peers';
export const description = 'other packages against the same raw C loops';

const add = (...dims) => ({ a: varying(...dims), b: varying(...dims) });

/** What a session of the drop-in entry makes on the calling thread. */
const dropIn = { inline: { maxMicroseconds: 1000, percentile: 75 } };

/** Models that others are slow with: of onlite's run(feeds) to onnxruntime-node's, what is wanted. */
const pairs = [
  { label: 'Add', model: 'add.onnx', feeds: add(4), atMost: 0.5, cpuAtMost: 0.5 },
  {
    label: 'Add, open shape',
    model: 'add_dynamic.onnx',
    feeds: add(1, 4),
    atMost: 0.5,
    cpuAtMost: 0.5,
  },
  {
    label: 'decoder step, 64 cached',
    model: 'decoder.onnx',
    feeds: streaming['decoder.onnx'].feeds(64),
    atMost: 0.9,
  },
  { label: 'Silero frame', model: SILERO, feeds: streaming[SILERO].feeds(), atMost: 0.9 },
  // As drop-in for a package that holds up the event loop during every run.
  {
    label: 'decoder step, 64 cached, inline up to 1 ms',
    model: 'decoder.onnx',
    feeds: streaming['decoder.onnx'].feeds(64),
    options: dropIn,
  },
  {
    label: 'Silero frame, inline up to 1 ms',
    model: SILERO,
    feeds: streaming[SILERO].feeds(),
    options: dropIn,
  },
];

async function sideBySides(context) {
  const figure = 'await run(feeds) / onnxruntime-node';
  for (const { label, model, feeds, options, atMost, cpuAtMost } of pairs) {
    const loads = [
      { text: 'one at a time', atMost },
      { text: 'one at a time, half of the cores busy', atMost, busy: true },
      { text: '64 in flight', inFlight: 64, atMost: cpuAtMost },
    ];
    for (const { text, atMost: limit, ...load } of loads) {
      for (const of of ['perRun', 'cpuPerRun']) {
        const kind = of === 'perRun' ? 'time' : 'CPU time';
        const wanted =
          of === 'perRun' ? limit : load.inFlight === undefined ? cpuAtMost : undefined;
        const name = `${label}, ${text}: ${kind}, onlite / onnxruntime-node`;
        const target = wanted === undefined ? undefined : { atMost: wanted };
        await context.case(
          { name, unit: 'ratio', target, figure: target === undefined ? undefined : figure },
          () => sideBySide(context, { name, of, model, feeds, options, ...load }),
        );
      }
    }
  }
}

/** A peer's awaited run against the raw bound run; its library is its own. */
async function awaited(context, caseName, model, prepare) {
  const { warmUpMs, sliceMs } = context.pace;
  const run = await prepare();
  const raw = await rawProgram(engineOf(model)).load(modelPath(model));
  const { p50 } = await sampleAsync(run, { ms: warmUpMs });
  const batch = batchFor(p50);
  const result = await interleave({
    subject: () => sampleAsync(run, { ms: sliceMs }),
    baseline: () => raw.latency({ ms: sliceMs, batch }),
    ...context.repetitions(caseName),
  });
  await raw.unload();
  return fromInterleaved(result, { sides: ['peer', 'raw'] });
}

export async function run(context) {
  await sideBySides(context);
  const onnxModels = ['add.onnx', 'neg.onnx', ...MOBILENETS.filter((model) => /onnx$/.test(model))];
  for (const model of onnxModels) {
    const caseName = `onnxruntime-node, ${model} / raw C`;
    await context.case({ name: caseName, unit: 'ratio' }, () =>
      awaited(context, caseName, model, () => loadOnnxruntimeNode(modelPath(model))),
    );
  }
  for (const model of MOBILENETS.filter((file) => /tflite$/.test(file))) {
    const caseName = `tfjs-tflite-node, ${model} / raw C`;
    await context.case({ name: caseName, unit: 'ratio' }, () =>
      awaited(context, caseName, model, () => loadTfjsTflite(modelPath(model))),
    );
  }
  for (const model of [...onnxModels, ...MOBILENETS.filter((file) => /tflite$/.test(file))]) {
    const caseName = `Python, ${model} / raw C`;
    await context.case({ name: caseName, unit: 'ratio' }, async () => {
      const raw = await rawProgram(engineOf(model)).load(modelPath(model));
      const peer = await pythonPeer(context.options.python, engineOf(model), modelPath(model));
      const { sliceMs: ms } = context.pace;
      const { p50 } = await peer.run({ ms: context.pace.warmUpMs, batch: 1 });
      const batch = batchFor(p50);
      const result = await interleave({
        subject: () => peer.run({ ms, batch }),
        baseline: () => raw.latency({ ms, batch }),
        ...context.repetitions(caseName),
      });
      peer.end();
      await raw.unload();
      return fromInterleaved(result, { sides: ['peer', 'raw'] });
    });
  }
}
