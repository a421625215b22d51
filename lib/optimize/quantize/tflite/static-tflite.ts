import { throwIfAborted } from '../../../abort';
import { SubgraphEditor, type ModelT } from '../../../formats/tflite';
import { Calibrator } from '../../calibrate/calibrator';
import { defined } from '../../defined';
import type { Yardstick } from '../../guard/yardstick';
import type { Made } from '../candidate';
import type { OperatorDecision } from '../decision';
import { measureMeans } from '../matched-model';
import type { Range } from '../parameters';
import type { CheckedQuantizeOptions } from '../quantize-options';
import { RANGE_METHODS } from '../range-methods';
import type { Workspace } from '../workspace';
import { matchedTflite } from './bias-correction';
import { equalizeTflite } from './equalize';
import { planInt8, type Placement, type PlanOptions } from './int8-plan';
import { Int8Weights } from './int8-weights';
import { openTflite, rewriteTflite } from './rewrite';
import { writeInt8 } from './write-int8';

/** How an int8 model is made. */
export interface Int8Recipe {
  readonly name: string;
  /** The float model. */
  readonly float: string;
  readonly ranges: ReadonlyMap<string, Range>;
  /** What is known of the float model's weights. */
  readonly weights: Int8Weights;
}

/** An int8 model, with its noise on the samples that calibrated it. */
export interface Int8Model extends Made {
  readonly sqnr: number;
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

  get #activations(): Pick<PlanOptions, 'activations'> {
    return defined({ activations: this.#options.activations });
  }

  /**
   * The recipe of least noise on the samples that calibrate it, with everything in int8, and what it
   * makes; undefined where nothing can be.
   */
  async best(
    input: string,
    exclude: ReadonlySet<string>,
  ): Promise<{ recipe: Int8Recipe; model: Int8Model } | undefined> {
    let best: { recipe: Int8Recipe; model: Int8Model } | undefined;
    for (const recipe of await this.#recipes(input)) {
      const model = await this.#judged(await this.write(recipe, { placement: 'full', exclude }));
      const isBetter = !best || model.sqnr > best.model.sqnr;
      const other = isBetter ? best?.model : model;
      if (other) await this.#workspace.discard(other.file);
      if (isBetter) best = { recipe, model };
    }
    return best;
  }

  write(recipe: Int8Recipe, choice: Int8Choice): Promise<Made> {
    return this.#write(recipe.float, recipe, choice);
  }

  /**
   * A recipe's model with biases that make up for what is quantised; the one that it was given where
   * that leaves more noise, or there is no bias.
   */
  async corrected(recipe: Int8Recipe, plain: Made, choice: Int8Choice): Promise<Made> {
    const { session, signal } = this.#options;
    const measure = await measureMeans(this.#calibrating, defined({ session, signal }));
    const matched = await matchedTflite({
      reference: recipe.float,
      changed: recipe.float,
      coarsen: (model) => void this.#quantize(new SubgraphEditor(model), recipe, choice),
      measure,
    });
    if (matched === undefined) return plain;
    const other = { ...recipe, name: `${recipe.name}, biases corrected` };
    const corrected = await this.#write(matched, other, choice);
    const isBetter = (await this.#sqnr(corrected)) > (await this.#sqnr(plain));
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
    const { tensors } = planInt8(editor, { placement: 'full', ...this.#activations });
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
      const weights = new Int8Weights();
      const methods = calibration ? [calibration] : RANGE_METHODS;
      const recipes = methods.map((method) => ({
        name: `${prefix}${method.method}`,
        float,
        weights,
        ranges: calibrator.ranges(method),
      }));
      return { recipes, extents: calibrator.ranges() };
    } finally {
      await calibrator.release();
    }
  }

  async #write(float: string | ModelT, recipe: Int8Recipe, choice: Int8Choice): Promise<Made> {
    throwIfAborted(this.#options.signal);
    const { placement } = choice;
    const name = `static (${recipe.name}${placement === 'full' ? '' : `, ${placement}`})`;
    this.#options.onProgress?.({ stage: 'trying', name, done: 0 });
    const { file, result } = await rewriteTflite(float, this.#workspace, 'static', (editor) =>
      this.#quantize(editor, recipe, choice),
    );
    return { method: 'static', name, file, decisions: result };
  }

  #quantize(
    editor: SubgraphEditor,
    { ranges, weights }: Int8Recipe,
    choice: Int8Choice,
  ): readonly OperatorDecision[] {
    const plan = planInt8(editor, { ...choice, ...this.#activations });
    writeInt8(editor, plan, { ranges, weights, ...defined({ io: this.#options.io }) });
    return plan.decisions;
  }

  async #judged(made: Made): Promise<Int8Model> {
    return { ...made, sqnr: await this.#sqnr(made) };
  }

  async #sqnr(made: Made & { readonly sqnr?: number }): Promise<number> {
    return made.sqnr ?? (await this.#calibrating.fidelity(made.file)).sqnr;
  }
}
