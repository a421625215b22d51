import type { ModelComparison } from '../../optimize/compare/compare-models';
import type { LayerComparison } from '../../optimize/layers/compare-layers';
import type { DocumentHead } from '../document';
import type { ModelFile } from '../model-file';
import type { Limit } from './options';
import type { Speed } from './speed';

/** A model that was compared; the first one is the reference. */
export interface ComparedModel extends ModelFile {
  /** Unique among them. */
  readonly label: string;
  readonly engine: string;
  readonly executionProviders: readonly string[];
}

/** Whether a candidate holds a limit. */
export interface LimitVerdict {
  readonly limit: Limit;
  readonly bound: number;
  /** The candidate's label. */
  readonly model: string;
  /** Absent where it could not be measured: then the limit is not held. */
  readonly found?: number;
  readonly holds: boolean;
}

/** What `onlite compare --json` prints. JSON has null for what is infinite or no number. */
export interface CompareDocument extends DocumentHead<'onlite-compare'> {
  readonly models: readonly ComparedModel[];
  /** Where the samples came from: a path, or `random:SEED`. */
  readonly source: string;
  readonly comparison: ModelComparison;
  /** With `--layers`: each candidate's layers against the reference's. */
  readonly layers?: readonly LayerComparison[];
  readonly speed?: Speed;
  readonly limits: readonly LimitVerdict[];
  /** Every limit is held. */
  readonly holds: boolean;
}
