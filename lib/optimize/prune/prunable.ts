import type { Guarded } from '../guard/guard';
import type { CouplingWalk } from './coupling-walk';
import type { LayerWeights } from './layer-weights';

/** A model that is open to be looked at or changed. */
export interface PrunableGraph {
  /** The weights of its layers, each constant once, in the order of the layers. */
  weights(): LayerWeights[];
  /** What its channels are coupled to. */
  walk(): Promise<CouplingWalk>;
}

/** A model that is to be pruned. */
export interface Prepared {
  /** What is pruned, in a file of its own. */
  readonly file: string;
  /** What operators that are to stay are called in it. */
  readonly exclude: ReadonlySet<string>;
}

/** A pruned model whose layers are to have the moments of those of the original. */
export interface Unmatched {
  readonly reference: string;
  readonly changed: string;
  /** The channels of the reference that the changed model has, of values that have lost some. */
  readonly kept: ReadonlyMap<string, readonly number[]>;
  /** Whether deviations are matched, too, by factors of the weights. */
  readonly deviations: boolean;
}

/** What pruning has to know of a model's format. */
export interface PrunableFormat {
  /** @throws OnliteError ERR_INVALID_ARGUMENT for a name to be excluded that no operator has */
  prepare(input: string): Promise<Prepared>;
  inspect<Result>(file: string, use: (graph: PrunableGraph) => Result): Promise<Result>;
  /** Changes a model and writes it into a file of its own. */
  rewrite<Result>(
    file: string,
    name: string,
    edit: (graph: PrunableGraph) => Promise<Result>,
  ): Promise<{ file: string; result: Result }>;
  /** @returns the file; undefined where the model has no bias to correct */
  match(models: Unmatched): Promise<string | undefined>;
  /** Writes the result with a line in its metadata on how it came to be. */
  write(
    file: string,
    output: string,
    facts: Readonly<Record<string, unknown>>,
    measured: Guarded,
  ): Promise<void>;
}

/** The key of that line. */
export const METADATA = 'onlite.pruning';
