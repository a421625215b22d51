import { throwIfAborted } from '../../abort';
import { OnliteError } from '../../errors';
import { isTfliteFile } from '../../formats/tflite';
import { defined } from '../defined';
import { checkPaths } from '../guard/check-paths';
import { plainFile } from '../guard/plain-file';
import { guard, type Guarded, type Measuring } from '../guard/guard';
import { Yardstick } from '../guard/yardstick';
import { Workspace } from '../quantize/workspace';
import { writeCompressed, type CompressedFile } from './write-compressed';
import { compareFigures, measureLayers, type PrunedLayer } from './layer-figures';
import { PruneOnnx } from './onnx/prune-onnx';
import type { Prepared, PrunableFormat } from './prunable';
import { pruneChannels, type PrunedChannels, type RemovedChannels } from './prune-channels';
import { checkPruneOptions, recipeOf, type PruneOptions, type Recipe } from './prune-options';
import { shareLayers, zeroLayers } from './prune-weights';
import { PruneTflite } from './tflite/prune-tflite';

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
  /** With `compress`: the compressed file that was written beside the model. */
  readonly compressed?: CompressedFile;
  /** With `structured`: channels that only go together, and why some of them stay. */
  readonly channels?: readonly PrunedChannels[];
  /** Multiplications by weights for one sample, where channels are removed and sizes are known. */
  readonly products?: readonly [before: number, after: number];
}

interface Made {
  readonly name: string;
  readonly file: string;
}

/** Makes and measures the candidates of one model. */
class Pruner {
  readonly #options: PruneOptions;
  readonly #recipe: Recipe;
  readonly #format: PrunableFormat;
  readonly #measuring: Measuring;
  readonly #float: Prepared;

  private constructor(
    input: string,
    options: PruneOptions,
    { format, float, recipe }: { format: PrunableFormat; float: Prepared; recipe: Recipe },
  ) {
    const { data, heldOut = data, session, output, task, signal } = options;
    this.#options = options;
    this.#recipe = recipe;
    this.#format = format;
    this.#float = float;
    const common = defined({ session, signal });
    const yardstick = new Yardstick(input, heldOut, { ...common, ...defined({ output, task }) });
    this.#measuring = { reference: input, yardstick, ...common };
  }

  static async create(
    input: string,
    options: PruneOptions,
    { format, recipe }: { readonly format: PrunableFormat; readonly recipe: Recipe },
  ): Promise<Pruner> {
    throwIfAborted(options.signal);
    options.onProgress?.({ stage: 'simplifying' });
    return new Pruner(input, options, { format, float: await format.prepare(input), recipe });
  }

  /** The model as the recipe makes it, and with its layers' moments matched. */
  async make(): Promise<{ models: Made[]; removed: RemovedChannels | undefined }> {
    this.#begin('pruning');
    const { file: pruned, result: removed } = await this.#pruned();
    const models = [{ name: 'pruned', file: await this.#shared(pruned) }];
    if (this.#options.match === false) return { models, removed };
    this.#begin('matching');
    const matched = await this.#matched(pruned, removed);
    if (matched !== undefined) models.push({ name: 'pruned, moments matched', file: matched });
    return { models, removed };
  }

  async measure(models: readonly Made[]): Promise<PruneCandidate[]> {
    const { minSpeedup = this.#recipe.channels ? 1 : 0, ...limits } = this.#options;
    const figuresOf = (file: string): Promise<ReturnType<typeof measureLayers>> =>
      this.#format.inspect(file, (graph) => measureLayers(graph.weights()));
    const before = await figuresOf(this.#float.file);
    const candidates: PruneCandidate[] = [];
    for (const { name, file } of models) {
      this.#begin('measuring');
      const guarded = await guard(file, this.#measuring, { ...limits, minSpeedup });
      candidates.push({ name, ...guarded, layers: compareFigures(before, await figuresOf(file)) });
    }
    return candidates;
  }

  #begin(stage: 'pruning' | 'matching' | 'measuring'): void {
    throwIfAborted(this.#options.signal);
    this.#options.onProgress?.({ stage });
  }

  #pruned(): Promise<{ file: string; result: RemovedChannels | undefined }> {
    const { channels, zeros } = this.#recipe;
    const { file, exclude } = this.#float;
    return this.#format.rewrite(file, 'pruned', async (graph) => {
      const removed = channels && pruneChannels(await graph.walk(), channels, exclude);
      if (zeros) zeroLayers(graph.weights(), zeros, exclude);
      return removed;
    });
  }

  async #shared(file: string): Promise<string> {
    const { sharing } = this.#recipe;
    if (!sharing) return file;
    const shared = await this.#format.rewrite(file, 'shared', (graph) =>
      shareLayers(graph.weights(), sharing, this.#float.exclude, this.#options.signal),
    );
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
    const { file: reference } = this.#float;
    const kept = removed?.kept ?? new Map<string, readonly number[]>();
    const match = (changed: string, deviations: boolean): Promise<string | undefined> =>
      this.#format.match({ reference, changed, kept, deviations });
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

/** Whether anything of the model is not as it was. */
const isChanged = ({ layers }: PruneCandidate): boolean =>
  layers.some(
    ({ weights, zeros, values }) =>
      weights[0] !== weights[1] || zeros[0] !== zeros[1] || values[0] !== values[1],
  );

/** Why all channels stay, where they do. */
const reasonOf = (removed: RemovedChannels | undefined): string => {
  const reason = removed?.channels.find((channels) => channels.reason !== undefined)?.reason;
  return reason === undefined ? '' : `: ${reason}`;
};

/**
 * Prunes a float ONNX or TensorFlow Lite model: zeroes weights, removes channels, or has weights
 * share few values; then gives layers the means and deviations that they had on the samples. The
 * result is measured beside the original on held-out samples; it is written where it holds the
 * limits, or with `force`.
 *
 * Zeros make the file smaller when it is compressed. They make nothing faster: kernels multiply by
 * them. With `structured` the model is smaller and has less to compute.
 *
 * @param input - the path of a float model, which gzip or zstd may have compressed
 * @param output - where the result goes
 * @throws OnliteError ERR_UNSUPPORTED where the options change nothing of the model,
 *   ERR_INVALID_ARGUMENT for options that ask for nothing or exclude each other, ERR_CANCELLED, and
 *   what loading and running the model throws.
 */
export function pruneModel(
  input: string,
  output: string,
  given: PruneOptions,
): Promise<PruneResult> {
  return pruneAndLook(input, output, given);
}

/**
 * As {@link pruneModel}.
 *
 * @param look - is given the best candidate's file, which is there until it is done, written or not
 */
export async function pruneAndLook(
  input: string,
  output: string,
  given: PruneOptions,
  look?: (file: string) => Promise<void>,
): Promise<PruneResult> {
  const options = checkPruneOptions(given);
  const recipe = recipeOf(options);
  await checkPaths(input, output);
  const workspace = await Workspace.create();
  try {
    const plain = await plainFile(input, workspace);
    const format = new ((await isTfliteFile(plain)) ? PruneTflite : PruneOnnx)(options, workspace);
    const pruner = await Pruner.create(plain, options, { format, recipe });
    const { models, removed } = await pruner.make();
    const candidates = await pruner.measure(models);
    if (!candidates.some(isChanged)) {
      const message = `'${input}': there is nothing to prune${reasonOf(removed)}`;
      throw new OnliteError('ERR_UNSUPPORTED', message);
    }
    const best = [...candidates].sort(better)[0];
    const holds = best?.refused.length === 0;
    const found = {
      candidates,
      holds,
      ...defined({ channels: removed?.channels, products: removed?.products }),
    };
    const file = models.find(({ name }) => name === best?.name)?.file;
    if (!best || file === undefined) return found;
    if (!(holds || options.force === true)) {
      await look?.(file);
      return found;
    }
    await format.write(file, output, { method: best.name, ...factsOf(recipe) }, best);
    const { compress } = options;
    const compressed = compress === undefined ? undefined : await writeCompressed(output, compress);
    await look?.(file);
    return { ...found, chosen: best, ...defined({ compressed }) };
  } finally {
    await workspace.remove();
  }
}
