import type { TensorLike } from '../../engine/run/feeds';
import { throwIfAborted } from '../../engine/run/abort';
import { OnliteError } from '../../errors';
import { openOnnxFile, writeOnnxFile } from '../../formats/onnx';
import { isTfliteFile } from '../../formats/tflite';
import { defined } from '../defined';
import { checkPaths } from '../guard/check-paths';
import { firstFeeds } from '../guard/speedup';
import { guard, type Guarded, type Measuring } from '../guard/guard';
import { setProvenance } from '../guard/provenance';
import { Yardstick } from '../guard/yardstick';
import { excludedNodes } from '../quantize/excluded';
import { writeMatched } from '../quantize/matched-model';
import { Workspace } from '../quantize/workspace';
import { optimizeModel } from '../simplify/optimize-model';
import { compareFigures, measureLayers, type PrunedLayer } from './layer-figures';
import { pruneChannels, type PrunedChannels, type RemovedChannels } from './prune-channels';
import { checkPruneOptions, recipeOf, type PruneOptions, type Recipe } from './prune-options';
import { shareLayers, zeroLayers } from './prune-weights';

/** A pruned model that was tried. */
export interface PruneCandidate extends Guarded {
  /** `pruned`, or `pruned, moments matched`. */
  readonly name: string;
  readonly layers: readonly PrunedLayer[];
}

/** What {@link pruneModel} found. */
export interface PruneResult {
  readonly candidates: readonly PruneCandidate[];
  /** The one that was written; absent where none is worth having. */
  readonly chosen?: PruneCandidate;
  /** Whether it holds all limits. */
  readonly holds: boolean;
  /** With `structured`: channels that only go together, and why some of them stay. */
  readonly channels?: readonly PrunedChannels[];
  /** Multiplications by weights for one sample, where channels are removed and sizes are known. */
  readonly products?: readonly [before: number, after: number];
}

/** The key of a pruned model's metadata that says how it was made and what was measured. */
const METADATA = 'onlite.pruning';

interface Made {
  readonly name: string;
  readonly file: string;
}

/** Makes and measures the candidates of one model. */
class Pruner {
  readonly #options: PruneOptions;
  readonly #recipe: Recipe;
  readonly #workspace: Workspace;
  readonly #measuring: Measuring;
  /** The model after what makes it simpler. */
  readonly #float: string;
  readonly #exclude: ReadonlySet<string>;

  private constructor(
    input: string,
    float: string,
    options: PruneOptions,
    { recipe, workspace }: { readonly recipe: Recipe; readonly workspace: Workspace },
  ) {
    const { data, heldOut = data, session, output, task, signal } = options;
    this.#float = float;
    this.#options = options;
    this.#recipe = recipe;
    this.#workspace = workspace;
    this.#exclude = excludedNodes([input, float], options.exclude ?? []);
    const common = defined({ session, signal });
    const yardstick = new Yardstick(input, heldOut, { ...common, ...defined({ output, task }) });
    this.#measuring = { reference: input, yardstick, ...common };
  }

  /** Makes the model simpler first: a normalisation is pruned with the layer it is folded into. */
  static async create(
    input: string,
    options: PruneOptions,
    made: { readonly recipe: Recipe; readonly workspace: Workspace },
  ): Promise<Pruner> {
    throwIfAborted(options.signal);
    options.onProgress?.({ stage: 'simplifying' });
    const float = made.workspace.path('float');
    const feeds = await firstFeeds(options.data(), options.signal);
    await optimizeModel(input, float, {
      samples: [feeds as Readonly<Record<string, TensorLike>>],
      ...defined({ session: options.session, signal: options.signal }),
    });
    return new Pruner(input, float, options, made);
  }

  /** The model as the recipe makes it, and with its layers' moments matched. */
  async make(): Promise<{ models: Made[]; removed: RemovedChannels | undefined }> {
    this.#begin('pruning');
    const { file: pruned, removed } = await this.#pruned();
    const models = [{ name: 'pruned', file: await this.#shared(pruned) }];
    if (this.#options.match === false) return { models, removed };
    this.#begin('matching');
    const matched = await this.#matched(pruned, removed);
    if (matched !== undefined) models.push({ name: 'pruned, moments matched', file: matched });
    return { models, removed };
  }

  async measure(models: readonly Made[]): Promise<PruneCandidate[]> {
    const { minSpeedup = this.#recipe.channels ? 1 : 0, ...limits } = this.#options;
    const before = measureLayers(this.#float);
    const candidates: PruneCandidate[] = [];
    for (const { name, file } of models) {
      this.#begin('measuring');
      const guarded = await guard(file, this.#measuring, { ...limits, minSpeedup });
      candidates.push({ name, ...guarded, layers: compareFigures(before, measureLayers(file)) });
    }
    return candidates;
  }

  #begin(stage: 'pruning' | 'matching' | 'measuring'): void {
    throwIfAborted(this.#options.signal);
    this.#options.onProgress?.({ stage });
  }

  async #pruned(): Promise<{ file: string; removed: RemovedChannels | undefined }> {
    const { channels, zeros } = this.#recipe;
    const exclude = this.#exclude;
    const { session } = this.#options;
    const { file, result } = await this.#workspace.rewrite(
      this.#float,
      'pruned',
      async (editor, folder) => {
        const options = { exclude, ...defined({ session }) };
        const removed = channels && (await pruneChannels(editor, { ...channels, folder }, options));
        if (zeros) zeroLayers(editor, zeros, { exclude, folder });
        return removed;
      },
    );
    return { file, removed: result };
  }

  async #shared(file: string): Promise<string> {
    const { sharing } = this.#recipe;
    if (!sharing) return file;
    const shared = await this.#workspace.rewrite(file, 'shared', (editor, folder) => {
      shareLayers(editor, sharing, { exclude: this.#exclude, folder });
    });
    return shared.file;
  }

  /**
   * Before weights are shared their channels are scaled, too; afterwards only biases are corrected,
   * since a factor for each channel would be as many values again.
   */
  async #matched(
    pruned: string,
    removed: RemovedChannels | undefined,
  ): Promise<string | undefined> {
    const { channels, zeros, sharing } = this.#recipe;
    const match = (changed: string, deviations: boolean): Promise<string | undefined> =>
      writeMatched(
        { reference: this.#float, changed, ...defined({ kept: removed?.kept }) },
        this.#workspace,
        this.#options.data,
        {
          deviations,
          ...defined({ session: this.#options.session, signal: this.#options.signal }),
        },
      );
    const matched = channels || zeros ? await match(pruned, true) : pruned;
    if (matched === undefined || !sharing) return matched;
    return match(await this.#shared(matched), false);
  }
}

/** Those that hold all limits come first, then the more accurate ones, then those of less noise. */
function better(a: PruneCandidate, b: PruneCandidate): number {
  if (a.refused.length !== b.refused.length) return a.refused.length - b.refused.length;
  const accuracy = ({ fidelity }: PruneCandidate): number => fidelity.accuracy?.[1] ?? 0;
  return accuracy(b) - accuracy(a) || b.fidelity.sqnr - a.fidelity.sqnr;
}

/** What of the recipe the metadata say. */
function factsOf({ channels, zeros, sharing }: Recipe): Readonly<Record<string, unknown>> {
  const removing = channels && { structured: 'channel', ...amountOf(channels) };
  const zeroing = zeros && {
    pattern: zeros.pattern,
    ...(zeros.pattern.kind === 'n:m' ? {} : amountOf(zeros)),
  };
  return { ...removing, ...zeroing, ...defined({ clusters: sharing?.clusters }) };
}

const amountOf = ({
  norm,
  scope,
  sparsity,
  threshold,
}: Pick<NonNullable<Recipe['channels']>, 'norm' | 'scope' | 'sparsity' | 'threshold'>): Readonly<
  Record<string, unknown>
> => ({ norm, scope, ...(threshold === undefined ? { sparsity } : { threshold }) });

async function writeResult(
  file: string,
  output: string,
  candidate: PruneCandidate,
  recipe: Recipe,
): Promise<void> {
  const opened = openOnnxFile(file);
  try {
    const facts = { method: candidate.name, ...factsOf(recipe) };
    setProvenance(opened.model, METADATA, facts, candidate);
    await writeOnnxFile(opened.model, output);
  } finally {
    opened.close();
  }
}

/** Whether anything of the model is not as it was. */
const isChanged = ({ layers }: PruneCandidate): boolean =>
  layers.some(
    ({ weights, zeros, values }) =>
      weights[0] !== weights[1] || zeros[0] !== zeros[1] || values[0] !== values[1],
  );

/**
 * Prunes a float ONNX model: zeroes weights, removes channels, or has weights share few values;
 * then gives layers the means and deviations that they had on the samples. The result is measured
 * beside the original on held-out samples; it is written where it holds the limits, or with `force`.
 *
 * Zeros make the file smaller when it is compressed. They make nothing faster: ONNX Runtime
 * multiplies by them. With `structured` the model is smaller and has less to compute.
 *
 * @param input - the path of a float model
 * @param output - where the result goes
 * @throws OnliteError ERR_UNSUPPORTED where the options change nothing of the model, and for
 *   TensorFlow Lite models, ERR_INVALID_ARGUMENT for options that ask for nothing or exclude each
 *   other, ERR_CANCELLED, and what loading and running the model throws.
 */
export async function pruneModel(
  input: string,
  output: string,
  given: PruneOptions,
): Promise<PruneResult> {
  const options = checkPruneOptions(given);
  const recipe = recipeOf(options);
  await checkPaths(input, output);
  if (await isTfliteFile(input)) {
    const message = `'${input}' is a TensorFlow Lite model: prune the ONNX model that it is made from`;
    throw new OnliteError('ERR_UNSUPPORTED', message);
  }
  const workspace = await Workspace.create();
  try {
    const pruner = await Pruner.create(input, options, { recipe, workspace });
    const { models, removed } = await pruner.make();
    const candidates = await pruner.measure(models);
    if (!candidates.some(isChanged)) {
      throw new OnliteError('ERR_UNSUPPORTED', `'${input}': there is nothing to prune`);
    }
    const best = [...candidates].sort(better)[0];
    const holds = best?.refused.length === 0;
    const found = {
      candidates,
      holds,
      ...defined({ channels: removed?.channels, products: removed?.products }),
    };
    const file = models.find(({ name }) => name === best?.name)?.file;
    if (!best || file === undefined || !(holds || options.force === true)) return found;
    await writeResult(file, output, best, recipe);
    return { ...found, chosen: best };
  } finally {
    await workspace.remove();
  }
}
