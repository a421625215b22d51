// TensorFlow Lite models quantised to int8: time and peak memory, ours and ai-edge-quantizer's.
import { join } from 'node:path';

import { runPython } from './environments.mjs';
import { tfliteFilesOf, tfliteModels } from './models.mjs';
import { onlite } from './onlite.mjs';

export const tfliteFigure = 'quantising TensorFlow Lite: time and peak memory / ai-edge-quantizer';

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

/**
 * The whole processes. Ours finds ranges by one method, tries the model's equalised form and
 * corrected biases, and judges the result by no limit; ai-edge-quantizer calibrates and writes.
 */
async function quantizing(context, name, folder) {
  const { model, calibration, heldOut } = tfliteFilesOf(name);
  let measured;
  const both = () => {
    if (measured) return measured;
    const start = performance.now();
    const theirs = join(folder, `${name}-reference.tflite`);
    const [found] = runPython('tflite', 'quantize_tflite.py', [
      'static',
      model,
      theirs,
      calibration,
    ]);
    const python = { ...found, seconds: (performance.now() - start) / 1000 };
    const how = ['--method', 'static', '--calibration', 'minmax', '--threads', '1', '--force'];
    const limits = ['--min-sqnr=-100', '--min-speedup', '0'];
    const data = ['--data', calibration, '--test', heldOut, '--no-speed', ...limits];
    const ours = onlite(
      ['quantize', model, join(folder, `${name}.tflite`), ...data, ...how],
      folder,
    );
    measured = [ours, python];
    return measured;
  };
  const row = (what) => ({
    name: `${name}, TensorFlow Lite, quantising: ${what}, ours / ai-edge-quantizer`,
    unit: 'ratio',
    target: { atMost: 0.5 },
    figure: tfliteFigure,
  });
  await context.case(row('time'), () => {
    const [ours, python] = both();
    const text = ({ seconds, cpuSeconds }) =>
      `${seconds.toFixed(2)} s, ${cpuSeconds.toFixed(2)} s of the processors`;
    const { chosen, candidates } = ours.document;
    const { sqnr } = candidates.find((each) => each.name === chosen).fidelity;
    const note = `ours ${text(ours)}, ${chosen}, ${sqnr.toFixed(1)} dB, judged; ai-edge-quantizer ${text(python)}`;
    return { value: ours.seconds / python.seconds, note };
  });
  await context.case(row('peak memory'), () => {
    const [ours, python] = both();
    const note = `ours ${megabytes(ours.peakBytes)}; ai-edge-quantizer ${megabytes(python.peakBytes)}, its imports ${megabytes(python.importedBytes)}`;
    return { value: ours.peakBytes / python.peakBytes, note };
  });
}

export async function tfliteQuantizing(context, folder) {
  for (const [name, { targets }] of Object.entries(tfliteModels)) {
    if (targets.hasCost) await quantizing(context, name, folder);
  }
}
