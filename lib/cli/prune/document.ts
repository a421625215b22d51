import type { PruneResult } from '../../optimize/prune/prune-model';
import type { Speed } from '../compare/speed';
import type { DocumentHead } from '../document';
import type { SamplesUsed } from '../guard/samples';
import type { Choice } from '../guard/text';
import type { ModelFile } from '../model-file';

/** What `onlite prune --json` prints. JSON has null for what is infinite or no number. */
export interface PruneDocument
  extends DocumentHead<'onlite-prune'>, Omit<PruneResult, 'chosen'>, Omit<Choice, 'candidates'> {
  readonly input: ModelFile;
  /** How many samples the moments were matched on, and how many judged. */
  readonly samples: SamplesUsed;
  /** Latency and memory of the original and of the chosen one, in processes of their own. */
  readonly speed?: Speed;
}
