import { guard, type Guarded, type Judging, type Measuring } from '../guard/guard';
import type { OperatorDecision } from './decision';
import type { QuantizeMethod } from './quantize-options';

/** So many samples say which of the ways to make a model leaves less noise. */
export const COMPARED = 48;

/** A quantised model that was tried. */
export interface QuantizeCandidate extends Guarded {
  /** How it was made, such as `static (percentile)`. */
  readonly name: string;
  readonly decisions: readonly OperatorDecision[];
}

/** The model that is quantised, and the one that the result is measured beside. */
export interface MeasuredModels {
  readonly reference: string;
  readonly input: string;
}

/** A model that may become the result. */
export interface Made {
  readonly method: QuantizeMethod;
  readonly name: string;
  readonly file: string;
  readonly decisions: readonly OperatorDecision[];
}

/** Measures a candidate on held-out samples and judges it. */
export async function measureCandidate(
  { name, file, decisions }: Made,
  measuring: Measuring,
  limits: Judging,
): Promise<QuantizeCandidate> {
  return { name, decisions, ...(await guard(file, measuring, limits)) };
}
