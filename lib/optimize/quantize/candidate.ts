import { guard, type Guarded, type Judging, type Measuring } from '../guard/guard';
import type { OperatorDecision } from './decision';

/** A quantised model that was tried. */
export interface QuantizeCandidate extends Guarded {
  /** How it was made, such as `static (percentile)`. */
  readonly name: string;
  readonly decisions: readonly OperatorDecision[];
}

/** Measures a candidate on held-out samples and judges it. */
export async function measureCandidate(
  made: {
    readonly name: string;
    readonly file: string;
    readonly decisions: readonly OperatorDecision[];
  },
  measuring: Measuring,
  limits: Judging,
): Promise<QuantizeCandidate> {
  const { name, file, decisions } = made;
  return { name, decisions, ...(await guard(file, measuring, limits)) };
}
