import { batchFor, interleave, sampleAsync } from 'onlite/bench';

import { loadOnnxruntimeNode, loadTfjsTflite, pythonPeer } from '../harness/peer-packages.mjs';
import { fromInterleaved } from '../harness/context.mjs';
import { rawProgram } from '../harness/raw.mjs';
import { engineOf, MOBILENETS, modelPath } from '../models/models.mjs';

export const name = 'peers';
export const description = 'other packages against the same raw C loops';

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
