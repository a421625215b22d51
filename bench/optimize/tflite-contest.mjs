// Quantised TensorFlow Lite models, ours and those of TensorFlow's converter and ai-edge-quantizer:
// values, speed, and what XNNPACK takes of them.
import { join } from 'node:path';

import { childScript, runNode } from '../harness/child.mjs';
import { Moot, Skip } from '../harness/skip.mjs';
import { ownTarget } from './contest.mjs';
import { runPython } from './environments.mjs';
import { sparseFiles, tfliteFilesOf, tfliteModels } from './models.mjs';
import { asSpeed, latencyRatio } from './latency.mjs';
import { onlite } from './onlite.mjs';

export const tfliteFigures = {
  sqnr: 'quantised TensorFlow Lite: SQNR above the best reference',
  latency: 'quantised TensorFlow Lite: latency / the fastest reference of 20 dB',
  speed: 'quantised TensorFlow Lite: speed against float, pools and hard swishes, encoder',
  parts: "quantised TensorFlow Lite: delegated parts / those of TensorFlow's converter",
};

const LEAST_SQNR = 20;
const MOST_LATENCY = 1 / 0.97;

/** What became of one model: everything is made at first use, and once. */
class TfliteContest {
  #made;
  #failure;

  constructor(name, { method }, folder) {
    this.name = name;
    this.method = method;
    this.folder = folder;
    this.files = tfliteFilesOf(name);
  }

  path(method) {
    return join(this.folder, `${this.name}-${method}.tflite`);
  }

  #byOnlite(method) {
    const { model, calibration, heldOut } = this.files;
    const path = this.path(`onlite-${method}`);
    const words = ['--data', calibration, '--test', heldOut, '--method', method];
    const { document } = onlite(
      ['quantize', model, path, ...words, '--threads', '1', '--no-speed', '--force'],
      this.folder,
    );
    if (document.output === undefined) throw new Skip('onlite wrote no model');
    const { chosen, holds } = document;
    return { path, chosen, holds };
  }

  #references() {
    const { model, calibration, byTensorflow } = this.files;
    return ['static', 'dynamic'].flatMap((method) => {
      const path = this.path(`ai-edge-${method}`);
      let error;
      try {
        runPython('tflite', 'quantize_tflite.py', [method, model, path, calibration]);
      } catch (caught) {
        if (caught instanceof Skip) throw caught;
        error = caught.message.trim().split('\n').at(-1).slice(0, 160);
      }
      return [
        { name: `TensorFlow ${method}`, method, path: byTensorflow(method) },
        { name: `ai-edge-quantizer ${method}`, method, path, ...(error ? { error } : {}) },
      ];
    });
  }

  /**
   * `ours` of the method whose values are compared, `auto`, which is chosen by speed, and the
   * references: each with its `sqnr` on held-out samples, by LiteRT; `working` are those of the
   * references that run in TensorFlow Lite 2.17, too.
   */
  get made() {
    try {
      this.#made ??= this.#make();
    } catch (error) {
      this.#failure ??= error;
    }
    if (this.#failure) throw this.#failure;
    return this.#made;
  }

  #make() {
    const models = {
      ours: { name: 'ours', ...this.#byOnlite(this.method) },
      auto: { name: 'ours', ...this.#byOnlite('auto') },
      references: this.#references(),
    };
    const made = [models.ours, models.auto, ...models.references].filter(({ error }) => !error);
    const paths = made.map(({ path }) => path);
    const { model, heldOut } = this.files;
    const found = runPython('tflite', 'evaluate_tflite.py', [heldOut, model, ...paths]);
    found.forEach(({ sqnr, error }, index) => {
      if (error) Object.assign(made[index], { error });
      else made[index].sqnr = sqnr ?? Infinity;
    });
    const working = models.references.filter(({ error, path }) => !error && this.#runs(path));
    return { ...models, working };
  }

  /** Some of ai-edge-quantizer's models have data where TensorFlow Lite 2.17 does not look. */
  #runs(path) {
    try {
      onlite(['run', path, '--input', 'zeros'], this.folder);
      return true;
    } catch {
      return false;
    }
  }
}

const sqnrText = ({ name, sqnr, error }) =>
  `${name} ${error === undefined ? `${sqnr.toFixed(1)} dB` : `fails: ${error}`}`;

function sqnrRow(context, contest) {
  const row = {
    name: `${contest.name}, TensorFlow Lite, ${contest.method}, SQNR: ours above the best reference`,
    unit: 'dB',
    target: { atLeast: -0.2 },
    figure: tfliteFigures.sqnr,
  };
  return context.case(row, () => {
    const { ours, references } = contest.made;
    const alike = references.filter(({ method }) => method === contest.method);
    const best = Math.max(...alike.map(({ sqnr = -Infinity }) => sqnr));
    if (best === -Infinity) throw new Moot('no reference can be compared');
    const note = `${ours.chosen}: ${[ours, ...alike].map(sqnrText).join(', ')}`;
    return { value: ours.sqnr - best, note };
  });
}

/** Those that `compare` finds quickest of models that hold, and what it says of each. */
function bySpeed(contest, models) {
  const { model, sample } = contest.files;
  const paths = models.map(({ path }) => path);
  const pace = ['--duration', '1', '--processes', '3'];
  const words = [model, ...paths, '--data', sample, '--threads', '1', ...pace];
  const { document } = onlite(['compare', ...words], contest.folder);
  const [, ...found] = document.speed.models;
  return models
    .map((each, index) => ({ ...each, ratio: found[index].speedup?.ratio ?? 0 }))
    .sort((a, b) => b.ratio - a.ratio);
}

async function speedRows(context, contest, { speedup, speedupWithVnni }) {
  const least = speedup ?? (ownTarget === 'x64' ? speedupWithVnni : undefined);
  const wanted =
    least === undefined ? {} : { target: { atLeast: least }, figure: tfliteFigures.speed };
  const speed = { name: `${contest.name}, TensorFlow Lite, speed against float`, unit: 'ratio' };
  const latency = {
    name: `${contest.name}, TensorFlow Lite, latency: ours / the fastest reference that holds`,
    unit: 'ratio',
    target: { atMost: MOST_LATENCY },
    figure: tfliteFigures.latency,
  };
  const { sample } = contest.files;
  const compared = (...models) => latencyRatio(context, contest.folder, models, sample);
  await context.case({ ...speed, ...wanted }, async () => {
    const { auto, working } = contest.made;
    const ratio = await compared(contest.files.model, auto.path);
    const theirs = bySpeed(contest, working);
    const texts = theirs.map((each) => `${each.name} ${each.ratio.toFixed(2)} ×`);
    const judged =
      least === undefined && speedupWithVnni !== undefined
        ? `; not judged: ${speedupWithVnni} × is wanted of a CPU with VNNI, which this one is not`
        : '';
    const note = `ours ${auto.chosen}, ${auto.sqnr.toFixed(1)} dB, ${(1 / ratio.value).toFixed(2)} ×; ${texts.join(', ')}${judged}`;
    // Without --force nothing would have been written.
    if (!auto.holds) return { value: 1, note: `refused, so that the float model stays: ${note}` };
    return { ...asSpeed(ratio), note };
  });
  await context.case(latency, async () => {
    const { auto, working } = contest.made;
    const good = working.filter(({ sqnr }) => sqnr >= LEAST_SQNR);
    if (good.length === 0) throw new Moot(`no reference is of ${LEAST_SQNR} dB`);
    const [fastest] = bySpeed(contest, good);
    const ratio = await compared(fastest.path, auto.path);
    return { ...ratio, note: `ours ${auto.chosen}; ${fastest.name}` };
  });
}

function partsRow(context, contest) {
  const row = {
    name: `${contest.name}, TensorFlow Lite, ${contest.method}, parts: ours / TensorFlow's`,
    unit: 'ratio',
    target: { atMost: 1 },
    figure: tfliteFigures.parts,
  };
  return context.case(row, async () => {
    const { ours, working } = contest.made;
    const models = [ours, ...working.filter(({ method }) => method === contest.method)];
    const paths = models.map(({ path }) => path);
    const { json } = await runNode([childScript('delegated.mjs'), ...paths]);
    const theirs = models.find(({ name }) => name.startsWith('TensorFlow'));
    const note = models.map(({ name, path }) => `${name} ${json[path]}`).join(', ');
    return { value: json[ours.path] / json[theirs.path], note };
  });
}

/** What XNNPACK makes of zeros: it has sparse kernels for 1x1 convolutions, but not on every CPU. */
function sparseRow(context, folder) {
  const row = {
    name: '90 % zeros, TensorFlow Lite: time in sparse encoding / dense',
    unit: 'ratio',
  };
  return context.case(row, () => {
    const { dense, sparse, sample } = sparseFiles();
    return latencyRatio(context, folder, [dense, sparse], sample);
  });
}

export async function tfliteContests(context, folder) {
  for (const [name, { targets, ...how }] of Object.entries(tfliteModels)) {
    const contest = new TfliteContest(name, how, folder);
    await sqnrRow(context, contest);
    await speedRows(context, contest, targets);
    await partsRow(context, contest);
  }
  await sparseRow(context, folder);
}
