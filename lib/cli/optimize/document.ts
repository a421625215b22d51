import type { Guarded } from '../../optimize/guard/guard';
import type { OptimizedModel } from '../../optimize/simplify/optimize-model';
import type { Speed } from '../compare/speed';
import type { DocumentHead } from '../document';
import type { ModelFile } from '../model-file';

/** What `onlite optimize --json` prints. JSON has null for what is infinite or no number. */
export interface OptimizeDocument
  extends
    DocumentHead<'onlite-optimize'>,
    Omit<OptimizedModel, 'bytes' | 'samples'>,
    Partial<Pick<Guarded, 'fidelity' | 'speedup'>> {
  readonly input: ModelFile;
  /** Absent where nothing is written. */
  readonly output?: ModelFile;
  /** Where the samples came from: a path, or `random`. */
  readonly source: string;
  /** Load time, latency and memory of the input and of the output, in processes of their own. */
  readonly speed?: Speed;
  /** The limits that are not held, in words. */
  readonly refused: readonly string[];
  readonly holds: boolean;
}
