import { throwIfAborted } from '../../../abort';
import { Calibrator } from '../../calibrate/calibrator';
import { defined } from '../../defined';
import type { Yardstick } from '../../guard/yardstick';
import type { Made } from '../candidate';
import { measureMeans } from '../matched-model';
import type { Range } from '../parameters';
import type { CheckedQuantizeOptions } from '../quantize-options';
import { RANGE_METHODS } from '../range-methods';
import type { Workspace } from '../workspace';
import { writeMatchedTflite } from './bias-correction';
import { equalizeTflite } from './equalize';
import { planInt8, type Placement } from './int8-plan';
import { openTflite, rewriteTflite } from './rewrite';
import { writeInt8 } from './write-int8';

/** How an int8 model is made. */
export interface Int8Recipe {
  readonly name: string;
  /** The float model. */
  readonly float: string;
  readonly ranges: ReadonlyMap<string, Range>;
}

export interface Int8Choice {
  readonly placement: Placement;
  /** Operators by the name of their first output that stay float. */
  readonly exclude: ReadonlySet<string>;
}

/** Makes the int8 forms of one TensorFlow Lite model. */
export class StaticTflite {
  readonly #options: CheckedQuantizeOptions;
  readonly #workspace: Workspace;
  /** By the samples that calibrate. */
  readonly #calibrating: Yardstick;

  constructor(options: CheckedQuantizeOptions, workspace: Workspace, calibrating: Yardstick) {
    this.#options = options;
    this.#workspace = workspace;
    this.#calibrating = calibrating;
  }

  /**
   * The recipe of least noise on the samples that calibrate it, with everything in int8; undefined
   * where nothing can be.
   */
  async recipe(input: string, exclude: ReadonlySet<string>): Promise<Int8Recipe | undefined> {
    let best: { recipe: Int8Recipe; sqnr: number } | undefined;
    for (const recipe of await this.#recipes(input)) {
      const { file } = await this.#write(recipe, { placement: 'full', exclude });
      const sqnr = await this.#sqnr(file);
      await this.#workspace.discard(file);
      if (!best || sqnr > best.sqnr) best = { recipe, sqnr };
    }
    return best?.recipe;
  }

  /** An int8 model, with biases that make up for what is quantised where that leaves less noise. */
  async write(recipe: Int8Recipe, choice: Int8Choice): Promise<Made> {
    const plain = await this.#write(recipe, choice);
    const { session, signal } = this.#options;
    const measure = await measureMeans(this.#calibrating, defined({ session, signal }));
    const matched = await writeMatchedTflite(
      {
        reference: recipe.float,
        changed: recipe.float,
        coarsen: async (float) => (await this.#write({ ...recipe, float }, choice)).file,
        measure,
      },
      this.#workspace,
    );
    if (matched === undefined) return plain;
    const other = { ...recipe, name: `${recipe.name}, biases corrected`, float: matched };
    const corrected = await this.#write(other, choice);
    await this.#workspace.discard(matched);
    const isBetter = (await this.#sqnr(corrected.file)) > (await this.#sqnr(plain.file));
    await this.#workspace.discard((isBetter ? plain : corrected).file);
    return isBetter ? corrected : plain;
  }

  /** Every way to find the ranges, for the model and for its equalised form. */
  async #recipes(input: string): Promise<Int8Recipe[]> {
    const named = await rewriteTflite(input, this.#workspace, 'named', () => undefined);
    const { recipes, extents } = await this.#calibrated(named.file, '');
    const { file, result: pairs } = await rewriteTflite(
      named.file,
      this.#workspace,
      'equalised',
      (editor) => equalizeTflite(editor, extents),
    );
    if (pairs === 0) return recipes;
    const equalised = await this.#calibrated(file, 'equalised, ');
    return [...recipes, ...equalised.recipes];
  }

  /**
   * Every range method, and the least and greatest values, of all tensors that can become int8. The
   * session's own kernels calibrate: built-in ones give the same model within 0.1 dB, and take twice
   * as long.
   */
  async #calibrated(
    float: string,
    prefix: string,
  ): Promise<{ recipes: Int8Recipe[]; extents: ReadonlyMap<string, Range> }> {
    const { session, signal, count: total, onProgress, calibration } = this.#options;
    const editor = await openTflite(float);
    const { tensors } = planInt8(editor, { placement: 'full' });
    if (tensors.size === 0) return { recipes: [], extents: new Map() };
    const names = [...tensors].flatMap((index) => editor.tensor(index)?.name ?? []);
    const histograms = calibration?.method !== 'minmax';
    const calibrator = await Calibrator.create(float, names, {
      histograms,
      ...defined({ session }),
    });
    try {
      await calibrator.collect(await this.#calibrating.samples(), {
        ...defined({ signal, total }),
        onProgress: ({ done, remainingMs }) =>
          onProgress?.({ stage: 'calibrating', done, ...defined({ total, remainingMs }) }),
      });
      const methods = calibration ? [calibration] : RANGE_METHODS;
      const recipes = methods.map((method) => ({
        name: `${prefix}${method.method}`,
        float,
        ranges: calibrator.ranges(method),
      }));
      return { recipes, extents: calibrator.ranges() };
    } finally {
      await calibrator.release();
    }
  }

  async #write(
    { name: recipe, float, ranges }: Int8Recipe,
    { placement, exclude }: Int8Choice,
  ): Promise<Made> {
    throwIfAborted(this.#options.signal);
    const name = `static (${recipe}${placement === 'full' ? '' : `, ${placement}`})`;
    this.#options.onProgress?.({ stage: 'trying', name, done: 0 });
    const { file, result } = await rewriteTflite(float, this.#workspace, 'static', (editor) => {
      const plan = planInt8(editor, { placement, exclude });
      writeInt8(editor, plan, { ranges, ...defined({ io: this.#options.io }) });
      return plan.decisions;
    });
    return { method: 'static', name, file, decisions: result };
  }

  async #sqnr(file: string): Promise<number> {
    return (await this.#calibrating.fidelity(file)).sqnr;
  }
}
