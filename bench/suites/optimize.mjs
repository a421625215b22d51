import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Moot, Skip } from '../harness/skip.mjs';
import { calibration, calibrationFigure } from '../optimize/calibration.mjs';
import { Contest, lastLine, ownTarget, working } from '../optimize/contest.mjs';
import { runPython } from '../optimize/environments.mjs';
import { asSpeed, latencyRatio } from '../optimize/latency.mjs';
import {
  exportedGraph,
  exportedGraphs,
  filesOf,
  optimizeModels,
  prepareOptimize,
} from '../optimize/models.mjs';
import { onlite } from '../optimize/onlite.mjs';
import { pruning } from '../optimize/pruning.mjs';
import { tfliteContests } from '../optimize/tflite-contest.mjs';
import { tfliteQuantizing } from '../optimize/tflite.mjs';

export const name = 'optimize';
export const description = `models simplified, pruned and quantised, ours and Python's; target ${ownTarget}`;
export const prepare = prepareOptimize;
/** It needs neither the other suites' models nor the raw C programs. */
export const isStandalone = true;

const figure = {
  nodes: 'simplified: nodes / the fewest of the references',
  sqnr: 'quantised: SQNR above the best reference',
  latency: 'quantised: latency / the fastest reference whose accuracy holds',
  depthwise: 'quantised: uneven depthwise, accuracy',
  encoder: 'quantised: encoder, SQNR',
  speed: 'quantised: ResNet, MobileNetV2 and encoder, speed against float',
  cost: 'quantising: time and peak memory / Python',
  calibration: calibrationFigure,
  large: 'quantising 1 GiB and 3 GiB of weights: peak memory',
};

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(2)} MB`;
const percent = (share) => `${(100 * share).toFixed(1)} %`;
const decibels = ({ sqnr }) => sqnr ?? Infinity;
const sqnrText = (found) => (found.sqnr === null ? 'no error' : `${found.sqnr.toFixed(1)} dB`);

/** "ours 46.1 dB; dynamic 45.9 dB, …" */
function sides(ours, references, text) {
  // Without the folders of what it names.
  const fault = (error) => `fails: ${error.replace(/\S*\//g, '').slice(0, 160)}`;
  const theirs = references.map((each) => {
    return `${each.method} ${each.error === undefined ? text(each) : fault(each.error)}`;
  });
  return `ours ${text(ours)}; ${theirs.join(', ')}`;
}

function simplified(context, graph, folder) {
  const row = {
    name: `${graph}, simplified: nodes / the fewest of the references`,
    unit: 'ratio',
    target: { atMost: 1 },
    figure: figure.nodes,
  };
  return context.case(row, () => {
    const model = exportedGraph(graph);
    const [{ before, ...tools }] = runPython('simplify', 'simplify.py', [model]);
    const out = join(folder, `${graph}.onnx`);
    const { seconds } = onlite(['optimize', model, out, '--no-speed'], folder);
    const [{ before: ours }] = runPython('simplify', 'simplify.py', ['--count', out]);
    const own = ours.foreign.length === 0 ? '' : `, not portable: ${ours.foreign.join(', ')}`;
    const references = ['basic', 'onnxsim', 'onnxslim'].map((method) => ({
      method,
      ...tools[method],
    }));
    const text = ({ nodes, bytes }) => `${nodes} nodes, ${bytes} bytes`;
    const fewest = Math.min(...references.map(({ nodes = Infinity }) => nodes));
    return {
      value: ours.nodes / fewest,
      note: `before ${text(before)}; ${sides(ours, references, text)}${own}`,
      details: { before, ours, references, seconds },
    };
  });
}

async function fidelity(context, contest, target, targets) {
  const { name } = contest;
  const isOwn = target === ownTarget;
  const where = isOwn ? '' : `, target ${target}`;
  const evaluated = () => contest.evaluated[target]();
  const row = { name: `${name}${where}, SQNR: ours above the best reference`, unit: 'dB' };
  await context.case({ ...row, target: { atLeast: -0.2 }, figure: figure.sqnr }, async () => {
    const { ours, references } = await evaluated();
    if (ours.sqnr === null) throw new Moot('ours has no error');
    const best = Math.max(...working(references).map(decibels).filter(Number.isFinite));
    if (best === -Infinity) throw new Moot('no reference can be compared');
    const { chosen } = (await contest.ours[target]()).document;
    return { value: ours.sqnr - best, note: `${chosen}: ${sides(ours, references, sqnrText)}` };
  });
  if (targets.sqnr !== undefined) {
    const wanted = { target: { atLeast: targets.sqnr }, figure: figure.encoder };
    await context.case({ name: `${name}${where}, SQNR`, unit: 'dB', ...wanted }, async () => ({
      value: decibels((await evaluated()).ours),
    }));
  }
  const accuracyTarget =
    targets.accuracy === undefined
      ? {}
      : { target: { atLeast: targets.accuracy }, figure: figure.depthwise };
  await context.case(
    { name: `${name}${where}, accuracy`, unit: 'percent', ...accuracyTarget },
    async () => {
      const { float, ours, references } = await evaluated();
      if (float.accuracy === undefined) throw new Skip('this model has no labels');
      const text = ({ accuracy }) => percent(accuracy);
      const note = `float ${text(float)}; ${sides(ours, references, text)}`;
      return { value: 100 * ours.accuracy, note };
    },
  );
}

async function latency(context, contest, target) {
  const { name } = contest;
  const where = target === ownTarget ? '' : `, target ${target}, on this machine`;
  const row = {
    name: `${name}${where}, latency: ours / the fastest reference that holds`,
    unit: 'ratio',
    target: { atMost: 1.03 },
    figure: figure.latency,
  };
  await context.case(row, async () => {
    const fastest = await contest.fastestReference(target);
    if (fastest === undefined) throw new Moot("no reference's accuracy holds");
    const { path, document } = await contest.ours[target]();
    const { sample } = filesOf(name);
    const ratio = await latencyRatio(context, contest.folder, [fastest.path, path], sample);
    return { ...ratio, note: `ours ${document.chosen}; ${fastest.method}` };
  });
}

async function speed(context, contest, targets) {
  const { name } = contest;
  const { speedup = ownTarget === 'x64' ? targets.speedupWithVnni : undefined } = targets;
  const wanted =
    speedup === undefined ? {} : { target: { atLeast: speedup }, figure: figure.speed };
  const isElsewhere = speedup === undefined && targets.speedupWithVnni !== undefined;
  await context.case(
    { name: `${name}, speed against float`, unit: 'ratio', ...wanted },
    async () => {
      const ours = await contest.ours[ownTarget]();
      const { model, sample } = filesOf(name);
      const models = [model, ours.path];
      const ratio = await latencyRatio(context, contest.folder, models, sample);
      const note = isElsewhere
        ? `not judged: ${targets.speedupWithVnni} × is wanted of a CPU with VNNI, which this one is not`
        : undefined;
      return { ...asSpeed(ratio), note };
    },
  );
}

async function size(context, contest) {
  await context.case(
    { name: `${contest.name}, bytes: ours / the least`, unit: 'ratio' },
    async () => {
      const references = await contest.references();
      const { bytes } = (await contest.ours[ownTarget]()).document.output;
      const text = (found) => megabytes(found.bytes);
      const least = Math.min(...working(references).map((each) => each.bytes));
      return { value: bytes / least, note: sides({ bytes }, references, text) };
    },
  );
}

/** The whole processes, with the start of Node or Python and the imports. */
async function cost(context, contest, targets) {
  const method = contest.isStatic ? 'static-percentile' : 'dynamic';
  const both = async () => {
    const references = await contest.references();
    const python = references.find((each) => each.method === method);
    if (python.error !== undefined) throw new Skip(`Python fails: ${python.error}`);
    return [await contest.timed(), python];
  };
  const row = (what, atMost) => ({
    name: `${contest.name}, quantising, ${method}: ${what}, ours / Python`,
    unit: 'ratio',
    ...(atMost === undefined ? {} : { target: { atMost }, figure: figure.cost }),
  });
  await context.case(row('time', targets.time), async () => {
    const [ours, python] = await both();
    const text = (seconds, { cpuSeconds }) =>
      `${seconds.toFixed(2)} s, ${cpuSeconds.toFixed(2)} s of the processors`;
    // Ours tries what may leave less noise, and judges the result; Python calibrates and writes.
    const { chosen } = ours.document;
    const note = `ours ${text(ours.seconds, ours)}, ${chosen}, judged; Python ${text(python.wallSeconds, python)}`;
    return { value: ours.seconds / python.wallSeconds, note };
  });
  await context.case(row('peak memory', targets.memory), async () => {
    const [ours, python] = await both();
    const imported = megabytes(python.importedBytes);
    const text = ({ peakBytes }) => megabytes(peakBytes);
    const note = `ours ${text(ours)}; Python ${text(python)}, its imports ${imported}`;
    return { value: ours.peakBytes / python.peakBytes, note };
  });
}

const GIBIBYTE = 2 ** 30;

/** Made when it is needed and deleted at once: it takes as much of the disk as of weights. */
async function large(context, folder, gibibytes, methods) {
  const rows = methods.map(({ words, ...rest }) => ({
    name: `${gibibytes} GiB of weights, ${words.join(' ')}: peak memory`,
    words,
    ...rest,
  }));
  const { only } = context.options;
  if (rows.every(({ name }) => only !== undefined && !name.includes(only))) return;
  const own = mkdtempSync(join(folder, 'large-'));
  const model = join(own, 'large.onnx');
  let made = false;
  try {
    for (const { name, words, reference, target } of rows) {
      const wanted = { unit: 'MB', target, figure: figure.large };
      await context.case({ name, ...wanted }, () => {
        if (!made) runPython('quantize', 'large.py', [model, String(gibibytes)]);
        made = true;
        const out = join(own, 'ours.onnx');
        const method = ['--method', ...words, '--no-speed', '--force'];
        const ours = onlite(['quantize', model, out, ...method], own);
        const note = `ours ${ours.seconds.toFixed(1)} s; ${pythonNote(reference, model, own)}`;
        return { value: ours.peakBytes / 1e6, note };
      });
    }
  } finally {
    rmSync(own, { recursive: true });
  }
}

function pythonNote(method, model, folder) {
  try {
    const out = join(folder, `${method}.onnx`);
    const [found] = runPython('quantize', 'quantize.py', [method, model, out]);
    return `Python ${megabytes(found.peakBytes)}, ${found.seconds.toFixed(1)} s`;
  } catch (error) {
    return `Python fails: ${lastLine(error.message)}`;
  }
}

export async function run(context) {
  const folder = mkdtempSync(join(tmpdir(), 'onlite-bench-'));
  try {
    for (const graph of exportedGraphs) await simplified(context, graph, folder);
    for (const [name, { methods, targets = {} }] of Object.entries(optimizeModels)) {
      const contest = new Contest(name, { methods, folder });
      for (const target of Object.keys(contest.ours)) {
        await fidelity(context, contest, target, targets);
        await latency(context, contest, target);
      }
      await speed(context, contest, targets);
      await size(context, contest);
      await cost(context, contest, targets);
      if (targets.time !== undefined) await calibration(context, name, folder);
    }
    await tfliteContests(context, folder);
    await tfliteQuantizing(context, folder);
    await pruning(context, folder);
    if (context.isQuick) return;
    const methods = [
      { words: ['dynamic'], reference: 'dynamic' },
      { words: ['weight-only'], reference: 'weight-only-4' },
    ];
    const target = { atMost: (1.5 * GIBIBYTE) / 1e6 };
    await large(
      context,
      folder,
      1,
      methods.map((method) => ({ ...method, target })),
    );
    await large(context, folder, 3, methods.slice(0, 1));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
