import type { QuantizeCandidate } from '../../optimize/quantize/candidate';
import type { Speed } from '../compare/speed';
import type { DocumentHead } from '../document';
import type { SamplesUsed } from '../guard/samples';
import type { Choice } from '../guard/text';
import type { ModelFile } from '../model-file';

/** What `onlite quantize --json` prints. JSON has null for what is infinite or no number. */
export interface QuantizeDocument extends DocumentHead<'onlite-quantize'>, Choice {
  readonly input: ModelFile;
  /** Of an ONNX model; to a TensorFlow Lite one it does not matter. */
  readonly target?: string;
  /** How many samples calibrated and how many judged. */
  readonly samples: SamplesUsed;
  readonly candidates: readonly QuantizeCandidate[];
  /** Latency and memory of the float model and of the chosen one, in processes of their own. */
  readonly speed?: Speed;
}
