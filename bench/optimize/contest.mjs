// One model quantised by us and by the references. Everything is made at first use, and once.
import { join } from 'node:path';

import { hasVnni } from '../harness/machine.mjs';
import { Skip } from '../harness/skip.mjs';
import { runPython } from './environments.mjs';
import { filesOf } from './models.mjs';
import { onlite } from './onlite.mjs';

/** A function that makes a value when it is first asked for; its failure is as lasting. */
function once(make) {
  let made;
  return () => (made ??= Promise.resolve().then(make));
}

/** The target that this machine is; what cannot be asked is taken for a new one. */
export const ownTarget =
  process.arch !== 'x64' ? 'arm' : hasVnni() === false ? 'x64-no-vnni' : 'x64';

const MOST_ACCURACY_LOST = 0.01;
const LEAST_SQNR = 20;

/** Where Python says what went wrong. */
export const lastLine = (text) => text.trim().split('\n').at(-1);

/** Without those that failed. */
export const working = (references) => references.filter(({ error }) => error === undefined);

/** No error at all is above every number. */
const decibels = ({ sqnr }) => sqnr ?? Infinity;

/** Whether a model is as good as a user would want it, by the guard's default limits. */
const holds = (float, candidate) =>
  float.accuracy === undefined
    ? decibels(candidate) >= LEAST_SQNR
    : float.accuracy - candidate.accuracy <= MOST_ACCURACY_LOST + 1e-9;

export class Contest {
  constructor(name, { methods, folder }) {
    this.name = name;
    this.folder = folder;
    this.methods = methods;
    /** What quantize.py says of each method, with its path and `wallSeconds`, or its `error`. */
    this.references = once(() => this.#quantizeByReferences());
    this.ours = { [ownTarget]: this.#ours(ownTarget) };
    this.ours.x64 ??= this.#ours('x64');
    this.evaluated = {
      [ownTarget]: this.#evaluated(ownTarget, []),
    };
    this.evaluated.x64 ??= this.#evaluated('x64', ['--exact']);
    /** Ours as like the references as can be: one method, a sample to look at the result, no limit. */
    this.timed = once(() => {
      const { model, calibration, sample } = filesOf(name);
      const method = this.isStatic ? ['static', '--calibration', 'percentile'] : ['dynamic'];
      const data = ['--data', calibration, '--test', sample];
      const limits = ['--min-sqnr=-100', '--max-accuracy-loss', '1', '--min-speedup', '0'];
      return this.#onlite([model, this.path('timed'), ...data, ...limits, '--method', ...method]);
    });
  }

  get isStatic() {
    return this.methods.includes('static-percentile');
  }

  path(method) {
    return join(this.folder, `${this.name}-${method}.onnx`);
  }

  #quantizeByReferences() {
    const { model, calibration } = filesOf(this.name);
    return this.methods.map((method) => {
      const start = performance.now();
      const path = this.path(method);
      try {
        const [found] = runPython('quantize', 'quantize.py', [method, model, path, calibration]);
        return { ...found, path, wallSeconds: (performance.now() - start) / 1000 };
      } catch (error) {
        if (error instanceof Skip) throw error;
        return { method, error: lastLine(error.message) };
      }
    });
  }

  /** Speeds on this machine do not say which method pays on another: convolutions are static there. */
  #ours(target) {
    return once(() => {
      const { model, calibration, heldOut } = filesOf(this.name);
      const path = this.path(`onlite-${target}`);
      const data = ['--data', calibration, '--test', heldOut];
      const isStatic = target !== ownTarget && !this.methods.includes('dynamic');
      const how = ['--target', target, '--method', isStatic ? 'static' : 'auto'];
      return { ...this.#onlite([model, path, ...data, ...how]), path };
    });
  }

  #onlite(words) {
    const found = onlite(
      ['quantize', ...words, '--threads', '1', '--no-speed', '--force'],
      this.folder,
    );
    if (found.document.output === undefined) throw new Skip('onlite wrote no model');
    return found;
  }

  /** By evaluate.py: `float`, `ours`, and `references` with their methods; some have an `error`. */
  #evaluated(target, options) {
    return once(async () => {
      const { model, heldOut } = filesOf(this.name);
      const references = await this.references();
      const ours = await this.ours[target]();
      const paths = [model, ours.path, ...working(references).map(({ path }) => path)];
      const lines = runPython('quantize', 'evaluate.py', [...options, heldOut, ...paths]);
      const of = (path) => lines.find((line) => line.model === path);
      if (of(ours.path).error) throw new Error(`Python cannot load ours: ${of(ours.path).error}`);
      return {
        float: of(model),
        ours: of(ours.path),
        references: references.map((each) => ({ ...each, ...of(each.path) })),
      };
    });
  }

  /** The reference that is quickest here among those whose accuracy holds; undefined if none does. */
  async fastestReference(target) {
    const { float, references } = await this.evaluated[target]();
    const good = working(references).filter((reference) => holds(float, reference));
    return good.sort((a, b) => a.milliseconds - b.milliseconds)[0];
  }
}
