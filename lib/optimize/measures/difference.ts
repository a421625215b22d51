import { OnliteError } from '../../errors';

/** How far the values of one tensor are from those of another, element by element. */
export interface Difference {
  /** Elements that were compared. */
  readonly count: number;
  /** Greatest absolute difference; Infinity where an element is finite on one side only. */
  readonly maxError: number;
  /** Mean of the absolute differences. */
  readonly meanError: number;
  /** Cosine of the angle between the two as vectors; 1 for the same direction, NaN for no elements. */
  readonly cosine: number;
  /** Signal to quantisation noise ratio in dB; Infinity where nothing differs. */
  readonly sqnr: number;
}

/** The sums that make a {@link Difference}, over any number of tensors. */
export class DifferenceSums {
  #count = 0;
  #maxError = 0;
  #absoluteErrors = 0;
  #squaredErrors = 0;
  #squaredReference = 0;
  #squaredCandidate = 0;
  #products = 0;

  /** @throws OnliteError ERR_SHAPE_MISMATCH for unequal lengths. */
  add(reference: ArrayLike<number>, candidate: ArrayLike<number>): void {
    requireSameLength(reference, candidate);
    for (let index = 0; index < reference.length; index++) {
      this.#addElement(reference[index] ?? NaN, candidate[index] ?? NaN);
    }
    this.#count += reference.length;
  }

  #addElement(expected: number, actual: number): void {
    const error = Math.abs(expected - actual);
    if (!Number.isFinite(error)) {
      // Equal infinities, and NaN on both sides, are no error; neither kind has a direction.
      if (!Object.is(expected, actual)) this.#addError(Infinity);
      return;
    }
    this.#addError(error);
    this.#squaredReference += expected * expected;
    this.#squaredCandidate += actual * actual;
    this.#products += expected * actual;
  }

  #addError(error: number): void {
    if (error > this.#maxError) this.#maxError = error;
    this.#absoluteErrors += error;
    this.#squaredErrors += error * error;
  }

  /** Noise over signal, as powers: what {@link Difference.sqnr} is the logarithm of. */
  get noiseToSignal(): number {
    return this.#squaredErrors === 0 ? 0 : this.#squaredErrors / this.#squaredReference;
  }

  get result(): Difference {
    return {
      count: this.#count,
      maxError: this.#maxError,
      meanError: this.#count === 0 ? NaN : this.#absoluteErrors / this.#count,
      cosine: this.#cosine(),
      sqnr: -10 * Math.log10(this.noiseToSignal),
    };
  }

  #cosine(): number {
    if (this.#count === 0) return NaN;
    if (this.#squaredErrors === 0) return 1;
    const norms = Math.sqrt(this.#squaredReference) * Math.sqrt(this.#squaredCandidate);
    return norms === 0 ? 0 : Math.min(1, Math.max(-1, this.#products / norms));
  }
}

/**
 * Compares two tensors' real values.
 *
 * SQNR is 10 · log₁₀(Σ r² ∕ Σ (r − c)²) dB for reference r and candidate c, as in ONNX Runtime's
 * `qdq_loss_debug.compute_signal_to_quantization_noice_ratio`. Elements that are NaN, or the same
 * infinity, on both sides count as equal.
 *
 * @throws OnliteError ERR_SHAPE_MISMATCH for unequal lengths.
 */
export function difference(reference: ArrayLike<number>, candidate: ArrayLike<number>): Difference {
  const sums = new DifferenceSums();
  sums.add(reference, candidate);
  return sums.result;
}

/** @throws OnliteError ERR_SHAPE_MISMATCH */
export function requireSameLength(
  reference: ArrayLike<unknown>,
  candidate: ArrayLike<unknown>,
): void {
  if (reference.length === candidate.length) return;
  throw new OnliteError(
    'ERR_SHAPE_MISMATCH',
    `candidate: expected ${reference.length} elements, as the reference has, got ${candidate.length}`,
  );
}
