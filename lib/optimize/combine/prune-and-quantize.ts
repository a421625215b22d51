import { isTfliteFile } from '../../formats/tflite';
import { checkPaths } from '../guard/check-paths';
import { plainFile } from '../guard/plain-file';
import { pruneModel, type PruneCandidate, type PruneResult } from '../prune/prune-model';
import type { PruneOptions } from '../prune/prune-options';
import { excludedNodes } from '../quantize/excluded';
import { quantizeFile, type QuantizeResult } from '../quantize/quantize-model';
import { checkQuantizeOptions, type QuantizeOptions } from '../quantize/quantize-options';
import { Workspace } from '../quantize/workspace';

/** What both steps are told: samples, limits, and how the models are made. */
type Common = Omit<PruneOptions & QuantizeOptions, keyof Pruning | keyof Quantizing | 'onProgress'>;

/** What is taken away. */
export type Pruning = Pick<
  PruneOptions,
  | 'method'
  | 'sparsity'
  | 'threshold'
  | 'scope'
  | 'pattern'
  | 'structured'
  | 'multiple'
  | 'clusters'
  | 'clusterStart'
  | 'match'
>;

/** How the rest is quantised. */
export type Quantizing = Pick<
  QuantizeOptions,
  | 'method'
  | 'calibration'
  | 'target'
  | 'bits'
  | 'blockSize'
  | 'format'
  | 'activations'
  | 'io'
  | 'count'
>;

/** How {@link pruneAndQuantize} makes a model, and what must hold of the result. */
export interface CombinedOptions extends Common {
  readonly prune: Pruning;
  readonly quantize: Quantizing;
  /** Called when something begins, with what it is. */
  readonly onStage?: (stage: string) => void;
}

/** What {@link pruneAndQuantize} found. */
export interface CombinedResult extends QuantizeResult, Pick<PruneResult, 'channels' | 'products'> {
  /** The pruned model, before it was quantised. */
  readonly pruned?: PruneCandidate;
}

/** A limit that everything holds. */
const ANY = { minSqnr: -Infinity, maxAccuracyLoss: 1, minSpeedup: 0 } as const;

/**
 * Prunes a float model and quantises what is left. The limits are for both steps together: the result
 * is measured beside the original, and written where it holds them, or with `force`.
 *
 * @throws OnliteError as `pruneModel` and `quantizeModel`
 */
export async function pruneAndQuantize(
  input: string,
  output: string,
  { prune, quantize, onStage, ...common }: CombinedOptions,
): Promise<CombinedResult> {
  const quantizing: QuantizeOptions = {
    ...common,
    ...quantize,
    onProgress: ({ stage, name }) => onStage?.([stage, name ?? ''].join(' ').trim()),
  };
  // Before the work of the first step.
  checkQuantizeOptions(quantizing);
  await checkPaths(input, output);
  const workspace = await Workspace.create();
  try {
    const original = await plainFile(input, workspace);
    const isOnnx = !(await isTfliteFile(original));
    const middle = workspace.path('pruned', isOnnx ? 'onnx' : 'tflite');
    const { chosen, channels, products } = await pruneModel(original, middle, {
      ...common,
      ...prune,
      ...ANY,
      force: true,
      onProgress: ({ stage }) => onStage?.(stage),
    });
    const { exclude = [] } = common;
    // Pruning makes an ONNX model simpler, and then nodes may have other names.
    const own = isOnnx ? [...excludedNodes([original, middle], exclude)] : exclude;
    const options = { ...quantizing, exclude: own };
    return {
      ...(await quantizeFile(middle, output, options, { reference: original })),
      ...(chosen ? { pruned: chosen } : {}),
      ...(channels ? { channels } : {}),
      ...(products ? { products } : {}),
    };
  } finally {
    await workspace.remove();
  }
}
