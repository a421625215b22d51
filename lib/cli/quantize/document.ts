import type { QuantizeCandidate } from '../../optimize/quantize/candidate';
import type { Speed } from '../compare/speed';
import type { DocumentHead } from '../document';
import type { ModelFile } from '../model-file';

/** What `onlite quantize --json` prints. JSON has null for what is infinite or no number. */
export interface QuantizeDocument extends DocumentHead<'onlite-quantize'> {
  readonly input: ModelFile;
  readonly target: string;
  /** How many samples calibrated and how many judged. */
  readonly samples: {
    readonly calibration: number;
    readonly heldOut: number;
    /** Where they came from: a path, or `random`. */
    readonly source: string;
    /** Whether none of those that judge has calibrated. */
    readonly areApart: boolean;
  };
  readonly candidates: readonly QuantizeCandidate[];
  /** The name of the one that was written. */
  readonly chosen?: string;
  /** Latency and memory of the float model and of the chosen one, in processes of their own. */
  readonly speed?: Speed;
  readonly output?: { readonly path: string; readonly bytes: number };
  /** Whether a candidate held all limits. */
  readonly holds: boolean;
}
