import type { SessionOptions } from '../../engine/session/session-options';
import { throwIfAborted } from '../../abort';
import { defined } from '../defined';
import type { Yardstick } from '../guard/yardstick';
import { equalizeLayers } from './equalize';
import { IntegerWeights } from './integer-weights';
import { measureMeans, writeMatched } from './matched-model';
import type { Range } from './parameters';
import type { CheckedQuantizeOptions } from './quantize-options';
import { RANGE_METHODS } from './range-methods';
import { StaticQuantizer, writeStatic, type WrittenModel } from './static';
import { PER_CHANNEL_OPSET, upgradeOpset } from './upgrade';
import { inspectModel, type OpenModel, type Workspace } from './workspace';

/** How a static model is made. */
export interface StaticRecipe {
  readonly name: string;
  /** The float model. */
  readonly float: string;
  readonly ranges: ReadonlyMap<string, Range>;
  /** What is known of the float model's weights. */
  readonly weights: IntegerWeights;
}

/** A model that a recipe made, with its noise on the samples that calibrated it. */
export interface StaticModel extends WrittenModel {
  readonly name: string;
  readonly sqnr: number;
}

export interface StaticContext {
  readonly options: CheckedQuantizeOptions;
  readonly workspace: Workspace;
  /** By the samples that calibrate. */
  readonly yardstick: Yardstick;
  /** What values are computed with. */
  readonly session: SessionOptions;
  /** A float model with smoothed normalisations; undefined where it has none. */
  readonly smoothed: (float: string) => Promise<string | undefined>;
}

/** Makes the static forms of one ONNX model. */
export class StaticOnnx {
  readonly #context: StaticContext;

  constructor(context: StaticContext) {
    this.#context = context;
  }

  /** The recipe of least noise, with what it makes; undefined where nothing can be in integers. */
  async best(
    float: string,
    exclude: ReadonlySet<string>,
  ): Promise<{ recipe: StaticRecipe; model: StaticModel } | undefined> {
    let best: { recipe: StaticRecipe; model: StaticModel } | undefined;
    for (const recipe of await this.#recipes(float)) {
      const model = await this.#tried(recipe, exclude);
      const isBetter = !best || model.sqnr > best.model.sqnr;
      const other = isBetter ? best?.model : model;
      if (other) await this.#context.workspace.discard(other.file);
      if (isBetter) best = { recipe, model };
    }
    return best;
  }

  write(recipe: StaticRecipe, exclude: ReadonlySet<string>): Promise<WrittenModel> {
    return this.#write(recipe.float, recipe, exclude);
  }

  #write(
    float: string | OpenModel,
    { ranges, weights }: StaticRecipe,
    exclude: ReadonlySet<string>,
  ): Promise<WrittenModel> {
    const { options, workspace } = this.#context;
    return writeStatic(float, workspace, ranges, { target: options.target, exclude, weights });
  }

  /**
   * A recipe's model with biases that make up for what is quantised; the one that it was given where
   * that leaves more noise, is not accepted, or there is no bias.
   */
  async corrected(
    recipe: StaticRecipe,
    plain: WrittenModel,
    exclude: ReadonlySet<string>,
    accepts: (model: WrittenModel) => Promise<boolean> = () => Promise.resolve(true),
  ): Promise<StaticModel> {
    const { options, workspace, yardstick, session } = this.#context;
    const own = { name: recipe.name, ...plain, sqnr: await this.#sqnr(plain) };
    const coarsen = async (float: OpenModel): Promise<string> =>
      (await this.#write(float, recipe, exclude)).file;
    const models = { reference: recipe.float, changed: recipe.float, coarsen };
    const run = { session, ...defined({ signal: options.signal }) };
    const measure = await measureMeans(yardstick, run);
    const float = await writeMatched(models, workspace, measure);
    if (float === undefined) return own;
    const name = `${recipe.name}, biases corrected`;
    const corrected = await this.#tried({ ...recipe, name, float }, exclude);
    await workspace.discard(float);
    const isBetter = corrected.sqnr > own.sqnr && (await accepts(corrected));
    await workspace.discard((isBetter ? own : corrected).file);
    return isBetter ? { ...corrected, decisions: own.decisions } : own;
  }

  async #sqnr(model: WrittenModel & { readonly sqnr?: number }): Promise<number> {
    return model.sqnr ?? (await this.#context.yardstick.fidelity(model.file)).sqnr;
  }

  async #tried(recipe: StaticRecipe, exclude: ReadonlySet<string>): Promise<StaticModel> {
    const { onProgress, signal } = this.#context.options;
    throwIfAborted(signal);
    onProgress?.({ stage: 'trying', name: `static (${recipe.name})`, done: 0 });
    const written = await this.write(recipe, exclude);
    return { name: recipe.name, ...written, sqnr: await this.#sqnr(written) };
  }

  /** Every way to find the ranges, for the model and for its equalised form. */
  async #recipes(input: string): Promise<StaticRecipe[]> {
    const plain = await this.#calibrated(await this.#upgraded(input));
    if (!plain) return [];
    const equalized = await this.#equalized(plain);
    return [
      ...this.#recipesOf(plain, ''),
      ...(equalized ? this.#recipesOf(equalized, 'equalised, ') : []),
    ];
  }

  #recipesOf(quantizer: StaticQuantizer, prefix: string): StaticRecipe[] {
    const { calibration, target } = this.#context.options;
    const weights = new IntegerWeights(target);
    return (calibration ? [calibration] : RANGE_METHODS).map((method) => ({
      name: `${prefix}${method.method}`,
      float: quantizer.file,
      ranges: quantizer.ranges(method),
      weights,
    }));
  }

  /** The float model with operators that take a scale for each channel, where it can be had. */
  async #upgraded(float: string): Promise<string> {
    const opset = inspectModel(float, (editor) => editor.opset());
    if (opset >= PER_CHANNEL_OPSET) return float;
    const { file } = await this.#context.workspace.rewrite(float, 'upgraded', upgradeOpset);
    return file;
  }

  /** Watches a float model's activations on the samples. */
  async #calibrated(file: string): Promise<StaticQuantizer | undefined> {
    const { session, signal, count: total, onProgress, calibration } = this.#context.options;
    const samples = await this.#context.yardstick.samples();
    return StaticQuantizer.calibrate(file, samples, {
      histograms: calibration?.method !== 'minmax',
      ...defined({ session, signal, total }),
      onProgress: ({ done, remainingMs }) =>
        onProgress?.({ stage: 'calibrating', done, ...defined({ total, remainingMs }) }),
    });
  }

  /** The model with channels of like ranges across its layers; undefined where that does nothing. */
  async #equalized(quantizer: StaticQuantizer): Promise<StaticQuantizer | undefined> {
    const { workspace, smoothed: smooth } = this.#context;
    const ranges = quantizer.ranges({ method: 'minmax' });
    const smoothed = await smooth(quantizer.file);
    const { file, result } = await workspace.rewrite(
      smoothed ?? quantizer.file,
      'equalized',
      (editor, folder) => equalizeLayers(editor, { folder, ranges }),
    );
    return result.length === 0 && smoothed === undefined ? undefined : this.#calibrated(file);
  }
}
