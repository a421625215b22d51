// Calibration alone: which ranges a model's activations have, by one method, ours and Python's.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { spread } from 'onlite/bench';

import { childScript, runNode } from '../harness/child.mjs';
import { runPython } from './environments.mjs';
import { filesOf } from './models.mjs';

export const calibrationFigure = 'calibration alone: time and peak memory / Python';

const REPETITIONS = 7;
/** Methods that both have. */
const METHODS = ['minmax', 'percentile', 'entropy'];

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

/** Python's, with the whole process's `wallSeconds`. */
function byPython(method, { model, calibration }, folder) {
  const start = performance.now();
  const [found] = runPython('quantize', 'calibrate.py', [method, model, calibration, folder]);
  return { ...found, wallSeconds: (performance.now() - start) / 1000 };
}

async function byOnlite(method, { model, inputs }, tensors, folder) {
  const request = join(folder, 'request.json');
  writeFileSync(request, JSON.stringify({ model, tensors, method, inputs }));
  const usageFile = join(folder, 'usage.json');
  const { wallMs, json } = await runNode(
    ['--require', childScript('usage.cjs'), childScript('calibrate.mjs'), request],
    { env: { USAGE_FILE: usageFile } },
  );
  return { ...json, wallSeconds: wallMs / 1000, ...JSON.parse(readFileSync(usageFile, 'utf8')) };
}

/** By how much the widths of our ranges differ from theirs, the tensor of the greatest difference. */
function worstDifference(ours, theirs) {
  const width = ([low, high]) => Math.max(high, 0) - Math.min(low, 0);
  const differences = Object.entries(theirs).map(([name, ends]) =>
    Math.abs(width(ours[name]) / width(ends) - 1),
  );
  return Math.max(...differences.filter(Number.isFinite));
}

const middle = (found) =>
  found.sort((a, b) => a.wallSeconds - b.wallSeconds)[Math.floor(found.length / 2)];

/** The whole processes, one after the other in turn, of the same model after ONNX Runtime's basic level, tensors and samples. */
export async function calibration(context, name, folder) {
  const rows = METHODS.flatMap((method) =>
    [
      { what: 'time', atMost: 0.5 },
      { what: 'peak memory', atMost: 0.3 },
    ].map(({ what, atMost }) => ({
      method,
      what,
      name: `${name}, calibration alone, ${method}: ${what}, ours / Python`,
      unit: 'ratio',
      target: { atMost },
      figure: calibrationFigure,
    })),
  );
  const { only } = context.options;
  if (rows.every((row) => only !== undefined && !row.name.includes(only))) return;
  const own = mkdtempSync(join(folder, 'calibration-'));
  const measured = new Map();
  const both = async (method) => {
    const { model, calibration } = filesOf(name);
    if (!measured.has('files')) {
      const [{ path }, ...inputs] = runPython('quantize', 'calibrate.py', [
        'prepare',
        model,
        calibration,
        own,
      ]);
      measured.set('files', { model: path, calibration, inputs });
    }
    const files = measured.get('files');
    if (!measured.has(method)) {
      const rounds = [];
      for (let round = 0; round < REPETITIONS; round++) {
        const python = byPython(method, files, own);
        const ours = await byOnlite(method, files, Object.keys(python.ranges), own);
        rounds.push([ours, python]);
      }
      measured.set(method, rounds);
    }
    return measured.get(method);
  };
  try {
    for (const { method, what, ...row } of rows) {
      await context.case(row, async () => {
        const rounds = await both(method);
        const side = (index) => middle(rounds.map((round) => round[index]));
        const [ours, python] = [side(0), side(1)];
        if (what === 'time') {
          const text = ({ wallSeconds, seconds, cpuSeconds }) =>
            `${wallSeconds.toFixed(2)} s, ${seconds.toFixed(2)} s without the start, ${cpuSeconds.toFixed(2)} s of the processors`;
          const apart = (100 * worstDifference(ours.ranges, python.ranges)).toFixed(2);
          const note = `ours ${text(ours)}; Python ${text(python)}; ${Object.keys(python.ranges).length} tensors, ranges at most ${apart} % apart`;
          const ratios = rounds.map(([ours, python]) => ours.wallSeconds / python.wallSeconds);
          const { median, interval, min, max } = spread(ratios);
          return { value: median, interval, min, max, note };
        }
        const imported = megabytes(python.importedBytes);
        const note = `ours ${megabytes(ours.peakBytes)}; Python ${megabytes(python.peakBytes)}, its imports ${imported}`;
        return { value: ours.peakBytes / python.peakBytes, note };
      });
    }
  } finally {
    rmSync(own, { recursive: true });
  }
}
