import type { PruneResult } from '../../optimize/prune/prune-model';
import type { Speed } from '../compare/speed';
import type { DocumentHead } from '../document';
import type { ModelFile } from '../model-file';

/** What `onlite prune --json` prints. JSON has null for what is infinite or no number. */
export interface PruneDocument extends DocumentHead<'onlite-prune'>, Omit<PruneResult, 'chosen'> {
  readonly input: ModelFile;
  /** How many samples the moments were matched on, and how many judged. */
  readonly samples: {
    readonly calibration: number;
    readonly heldOut: number;
    /** Where they came from: a path, or `random`. */
    readonly source: string;
    /** Whether none of those that judge has calibrated. */
    readonly areApart: boolean;
  };
  /** The name of the candidate that was written. */
  readonly chosen?: string;
  /** Latency and memory of the original and of the chosen one, in processes of their own. */
  readonly speed?: Speed;
  readonly output?: { readonly path: string; readonly bytes: number };
}
